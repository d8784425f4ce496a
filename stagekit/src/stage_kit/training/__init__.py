"""What every training does alike: loader, state, average of weights, log, sheets, card, COCO's judges.

Nothing of it is imported when a stage runs. Only loader, state and average import torch.
"""
