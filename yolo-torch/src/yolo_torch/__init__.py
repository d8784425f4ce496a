"""GPL-3.0: yolo-stage's engine by pytorchyolo, and training with its loss."""
