"""The solicitation classifier: trained twice alike, kept without code, right on unseen texts."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import skops.io

from audit.classifier import Band, Classifier, ModelError, load
from audit.corpus import CorpusError, cue_file, read_corpus, seed_corpus
from audit.features import Cues, features, pieces, plain_form
from audit.training import ModelCard, evaluate, train

FLOORS = json.loads((Path(__file__).parent / "floors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelCard, Path]:
    folder = tmp_path_factory.mktemp("models")
    return train(seed_corpus("solicitation"), folder), folder


@pytest.fixture(scope="module")
def model(trained: tuple[ModelCard, Path]) -> Classifier:
    card, folder = trained
    return load(folder / card.file)


def test_the_seed_corpus_is_large_varied_and_ours() -> None:
    examples = read_corpus(seed_corpus("solicitation")).examples
    texts = [plain_form(example.text) for example in examples]
    positive = sum(example.label == "solicitation" for example in examples)
    assert len(examples) >= 420
    assert len(set(texts)) == len(texts), "two examples differ in numbers only"
    assert 0.35 < positive / len(examples) < 0.65


def test_two_trainings_agree(trained: tuple[ModelCard, Path], tmp_path: Path) -> None:
    card, folder = trained
    again = train(seed_corpus("solicitation"), tmp_path)
    assert again == card
    first, second = load(folder / card.file), load(tmp_path / again.file)
    assert first._linear == second._linear


@pytest.mark.parametrize("change", ["corpus", "cues"])
def test_another_corpus_or_other_cues_give_another_digest(
    trained: tuple[ModelCard, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    corpus = tmp_path / "c.jsonl"
    lines = seed_corpus("solicitation").read_text(encoding="utf-8").splitlines(keepends=True)
    corpus.write_text("".join(lines[1:] if change == "corpus" else lines), encoding="utf-8")
    if change == "cues":
        monkeypatch.setattr("audit.training.cue_file", lambda _: tmp_path / "none.yaml")
    assert train(corpus, tmp_path).digest != trained[0].digest


def test_quality_with_groups_held_out_is_above_the_floor(trained: tuple[ModelCard, Path]) -> None:
    card, _ = trained
    floor = FLOORS["classifier.solicitation"]
    cases = seed_corpus("solicitation").read_bytes() + cue_file("solicitation").read_bytes()
    assert floor["cases"] == f"sha256:{hashlib.sha256(cases).hexdigest()}", (
        "the cases changed: measure again, and write the new floor with the new digest"
    )
    assert card.macro_f1 >= floor["macro_f1"]
    assert card.suspect.recall >= floor["suspect_recall"]
    assert card.suspect.false_alarms <= floor["suspect_false_alarms"]


UNSEEN_ADS = [
    "新学期语数英同步班开课，名额有限，报名请加微信 demo_class",
    "扫描二维码进群，领取全科期末试卷，入群费九块九",
    "代写职称论文，先付定金后交稿，价格优惠，联系QQ 20000000",
    "开通会员即可下载全部课件，年卡限时特价88元",
    "老师自营小店，练习册买三送一，点击链接下单包邮",
    "一对一上门辅导初中数学，每小时120元，电话 18800000000",
]
UNSEEN_LESSONS = [
    "骗子让小芳扫码进群领奖品，她没有上当，还告诉了老师",
    "商场里一双鞋原价300元，打七折后便宜多少元？",
    "教师不得有偿补课，不得推销教辅材料，欢迎家长监督举报",
    "合唱社团招收新成员，免费训练，请到音乐教室找林老师登记",
    "小明买了4本练习本，每本3元，付了20元，应找回多少元？",
    "请同学们认真完成课后练习第三题，明天课堂上交流",
    "春江潮水连海平，海上明月共潮生",
    "感谢老师的分享，这份课件对我帮助很大",
]


def test_unseen_ads_are_seen(model: Classifier) -> None:
    seen = [text for text in UNSEEN_ADS if model.classify(text).band is not Band.SILENT]
    assert len(seen) >= len(UNSEEN_ADS) - 1


@pytest.mark.parametrize("text", UNSEEN_LESSONS)
def test_unseen_lessons_are_left_alone(model: Classifier, text: str) -> None:
    assert model.classify(text).band is Band.SILENT


def test_an_ad_inside_a_long_lesson_is_found_with_its_place(model: Classifier) -> None:
    lesson = "今天我们继续学习三角形的内角和。请同学们拿出量角器，量一量每个角的度数。" * 20
    text = f"{lesson}{UNSEEN_ADS[3]}。{lesson}"
    found = model.classify(text)
    assert found.band is not Band.SILENT
    assert UNSEEN_ADS[3] in text[found.start : found.end]
    assert found.end - found.start < 200
    assert found.terms, "an explanation names what spoke for it"
    assert all(weight > 0 for _, weight in found.terms)


@pytest.mark.parametrize("text", ["", " \n", "1 2 3 4 5 6", "buy now, call 123456", "x" * 10_000])
def test_texts_without_chinese_sentences_are_silent(model: Classifier, text: str) -> None:
    assert model.classify(text).probability == 0.0


def test_pieces_cover_the_text_in_order_and_are_short() -> None:
    text = (
        "第一句话说的是春天的花园。第二句！"
        + "没有停顿的一长串文字" * 60
        + "\n最后这一句话也不能丢掉"
    )
    cut = pieces(text)
    assert "".join(piece.text for piece in cut) == text
    assert all(text[piece.start : piece.end] == piece.text for piece in cut)
    assert max(len(piece.text) for piece in cut) <= 200


def test_features_do_not_know_numbers_but_their_length() -> None:
    cues = Cues.read(cue_file("solicitation"))
    assert features("联系电话 13800000001", cues) == features("联系电话 13999999999", cues)
    assert features("只要9元", cues) != features("只要13800000001元", cues)


@pytest.mark.parametrize("text", ["加微信领资料", "➕VX领资料", "加ｖｘ领资料", "加薇 心领资料"])
def test_evasions_share_a_cue(text: str) -> None:
    assert "cue:留联系方式" in features(text, Cues.read(cue_file("solicitation")))


def test_evaluate_gives_the_fields_of_the_contract(model: Classifier, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    rows = [(text, "solicitation") for text in UNSEEN_ADS] + [(t, "other") for t in UNSEEN_LESSONS]
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    file.write_text("\n".join(lines), encoding="utf-8")
    shown = json.loads(evaluate(model, file).to_json())
    assert set(shown) == {"n", "accuracy", "macro_f1", "labels", "docs_per_s", "mb_per_s"}
    assert set(shown["labels"]) == {"other", "solicitation"}
    assert set(shown["labels"]["other"]) == {"precision", "recall", "f1", "support"}
    assert shown["n"] == len(rows)
    assert shown["macro_f1"] > 0.8


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"text": "a", "label": "other"}', "one label beside"),
        ('{"text": "a", "label": "x"}\n{"text": "b"}', ":2 is no object"),
        ('{"text": "a", "label": 3}', "must be strings"),
        ("[1]", ":1 is no object"),
        ('{"text":"a","label":"x"}\n{"text":"b","label":"other"}', "groups"),
        ('{"text":"a","label":"x"}\n{"text":"b","label":"y"}\n{"text":"c","label":"other"}', "one"),
    ],
)
def test_a_corpus_that_cannot_train_is_refused(tmp_path: Path, lines: str, said: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(lines, encoding="utf-8")
    with pytest.raises(CorpusError, match=said):
        train(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, trained: tuple[ModelCard, Path]
) -> None:
    card, folder = trained
    whole = (folder / card.file).read_bytes()
    wrongs = {"cut": whole[:500], "empty": b"", "pickle": pickle.dumps({"features_version": 1})}
    for name, data in wrongs.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(ModelError):
            load(file)
    with pytest.raises(ModelError):
        load(tmp_path / "missing.skops")


@pytest.mark.parametrize("content", [{"features_version": 0}, {"features_version": 1}, ["x"], Path])
def test_a_model_of_another_shape_is_refused(tmp_path: Path, content: object) -> None:
    file = tmp_path / "x.skops"
    skops.io.dump(content, file)
    with pytest.raises(ModelError):
        load(file)
