from nw2v.cli.command_text import command_text


def test_a_command_can_be_typed_again():
    words = ["-m", "model.window=2,5", "corpus.path=my text.txt", "evaluation.analogies=[a,b]"]
    assert command_text("train", words) == (
        "nw2v train -m model.window=2,5 'corpus.path=my text.txt' 'evaluation.analogies=[a,b]'"
    )


def test_passwords_are_not_shown():
    assert command_text("train", ["tracking.uri=postgresql://me:secret@db/runs"]) == (
        "nw2v train 'tracking.uri=postgresql://me:***@db/runs'"
    )
