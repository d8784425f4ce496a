"""Records for the tests of the contract, and of the kit above it."""

from __future__ import annotations

from pose_contract.records import Box, Cut, ImageAnnot, ImagePoses, Keypoint, MadeBy, Person, PersonPose

SHA = "ab" * 32
MADE_BY = MadeBy(stage="yolo-stage", results=1, model="yolov3", weights_sha256=SHA, options={"conf_thres": 0.5})


def annot(image: str = "images/a.jpg", people: int = 1, sha: str = SHA, corrected: bool = False) -> ImageAnnot:
    box = Box(x1=1.00049, y1=2, x2=30.5, y2=39)
    stem = image.removeprefix("images/").removesuffix(".jpg")
    persons = tuple(
        Person(index=i, score=0.98765, box=box, cut=Cut(file=f"cuts/{stem}-{i}.jpg", x=0, y=0, width=40, height=40))
        for i in range(people)
    )
    return ImageAnnot(
        image=image, image_sha256=sha, width=60, height=40, people=persons, corrected=corrected, made_by=MADE_BY
    )


def poses(of: ImageAnnot, annot_sha256: str, corrected: bool = False) -> ImagePoses:
    people = tuple(
        PersonPose(index=p.index, score=0.5, box=p.box, keypoints=(Keypoint(name="nose", x=3.25, y=-0.0001, score=1),))
        for p in of.people
    )
    return ImagePoses(
        image=of.image,
        image_sha256=of.image_sha256,
        width=of.width,
        height=of.height,
        skeleton="coco17",
        corrected=corrected,
        people=people,
        made_by=MADE_BY.model_copy(update={"stage": "hrn-stage", "annot_sha256": annot_sha256}),
    )
