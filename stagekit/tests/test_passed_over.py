from stage_kit.runs.passed_over import passed_over_line


def test_what_no_remedy_helps() -> None:
    assert passed_over_line(["notes.txt"]) == "passed over, no pictures: notes.txt"


def test_each_kind_gets_its_remedy_once() -> None:
    line = passed_over_line(["a.WMV", "b.flv", "c.CR2", "d.zip", "e.psd"])
    assert line.startswith("passed over, no pictures: a.WMV, b.flv, c.CR2, d.zip, e.psd (")
    assert line.count("ffmpeg -i") == 1
    assert all(word in line for word in ("raw photos", "unpack", "save pictures of other kinds as JPEG"))


def test_of_many_the_first_are_named() -> None:
    line = passed_over_line([f"{number}.txt" for number in range(20_000)])
    assert line == "passed over, no pictures: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 19995 more"
