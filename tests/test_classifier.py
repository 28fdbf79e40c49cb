"""The classifiers: trained twice alike, kept without code, right on unseen texts."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import skops.io

from audit.cards import ModelCard
from audit.classifier import Band, Classifier, ModelError, load
from audit.corpus import CorpusError, Example, cue_file, read_corpus, seed_corpus
from audit.evaluation import evaluate
from audit.features import Cues, Recipe, bags, grams, plain_form
from audit.pieces import pieces
from audit.training import FAMILIES, SEEDED, SUBJECT, data_task, seeded_task, train

FLOORS = json.loads((Path(__file__).parent / "floors.json").read_text(encoding="utf-8"))


Trained = dict[str, ModelCard]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return {family: train(seeded_task(family), folder) for family in SEEDED}


@pytest.fixture(scope="module")
def model(trained: Trained, folder: Path) -> Classifier:
    return load(folder / trained["solicitation"].file)


@pytest.mark.parametrize("family", SEEDED)
def test_the_seed_corpora_are_large_varied_and_ours(family: str) -> None:
    examples = read_corpus(seed_corpus(family)).examples
    assert len(examples) >= 420
    assert len({example.text for example in examples}) == len(examples)
    if family != SUBJECT:
        positive = sum(example.label == family for example in examples)
        assert 0.35 < positive / len(examples) < 0.65


@pytest.mark.parametrize("family", SEEDED)
def test_two_trainings_agree(trained: Trained, folder: Path, tmp_path: Path, family: str) -> None:
    again = train(seeded_task(family), tmp_path)
    # The container writes object addresses down: its length may differ by a digit.
    assert replace(again, bytes=0) == replace(trained[family], bytes=0)
    first, second = load(folder / again.file), load(tmp_path / again.file)
    assert first._linear.keys.tolist() == second._linear.keys.tolist()
    assert first._linear.weights.tolist() == second._linear.weights.tolist()


@pytest.mark.parametrize("change", ["corpus", "cues", "lessons", "decisions"])
def test_what_goes_in_another_way_gives_another_digest(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    decided: tuple[Example, ...] = ()
    if change == "corpus":
        lines = seed_corpus("solicitation").read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / "c.jsonl").write_text("".join(lines[1:]), encoding="utf-8")
        monkeypatch.setattr("audit.training.seed_corpus", lambda _: tmp_path / "c.jsonl")
    elif change == "cues":
        monkeypatch.setattr("audit.training.cue_file", lambda _: tmp_path / "none.yaml")
    elif change == "lessons":
        monkeypatch.setattr("audit.training.LESSONS", ())
    else:
        decided = (Example("加微信领取完整课件", "solicitation", "space:1"),)
    assert seeded_task("solicitation", decided).digest != trained["solicitation"].digest


@pytest.mark.skipif(SEEDED != FAMILIES, reason="lessons of the seed are missing: no figure holds")
@pytest.mark.parametrize("family", SEEDED)
def test_quality_with_groups_held_out_is_above_the_floor(trained: Trained, family: str) -> None:
    card, floor = trained[family], FLOORS[f"classifier.{family}"]
    assert floor["cases"] == cases(family), (
        "the cases changed: measure again, and write the new floor with the new digest"
    )
    assert card.held_out == "groups"
    assert card.macro_f1 >= floor["macro_f1"]
    assert card.suspect.recall >= floor["suspect_recall"]
    assert card.suspect.false_alarms <= floor["suspect_false_alarms"]
    assert card.suspect.lessons <= 0.002


def cases(family: str) -> str:
    cues = cue_file(family)
    data = seed_corpus(family).read_bytes() + (cues.read_bytes() if cues.exists() else b"")
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


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
    assert plain_form("联系电话 13800000001") == plain_form("联系电话 13999999999")
    assert plain_form("只要9元") != plain_form("只要13800000001元")


def test_features_of_a_batch_are_those_of_each_text() -> None:
    texts = [plain_form(text) for text in (*UNSEEN_ADS, "", "a", *UNSEEN_LESSONS, "\U00020000木")]
    recipe = Recipe(runs=4, words=2)
    whole = bags(texts, recipe)
    for row, text in enumerate(texts):
        alone = set(bags([text], recipe).keys.tolist())
        assert set(whole.keys[whole.blocks >> 1 == row].tolist()) == alone
        runs = {text[at : at + size] for size in (1, 2, 3, 4) for at in range(len(text) - size + 1)}
        assert (whole.blocks == 2 * row).sum() == len(runs)


def test_equal_spans_have_equal_keys_and_other_ones_others() -> None:
    found = grams(["加微信，加微信领课件", "请加微信"], Recipe(runs=4, words=2))
    texts = ["加微信，加微信领课件", "请加微信"]
    by_key: dict[int, set[tuple[str, int]]] = {}
    columns = (found.rows, found.starts, found.ends, found.sorts, found.keys)
    for row, start, end, sort, key in zip(*(column.tolist() for column in columns), strict=True):
        by_key.setdefault(key, set()).add((texts[row][start:end], sort))
    assert all(len(spans) == 1 for spans in by_key.values())
    assert len(by_key) > 30


@pytest.mark.parametrize("text", ["加微信领资料", "➕VX领资料", "加ｖｘ领资料", "加薇 心领资料"])
def test_evasions_share_a_cue(text: str) -> None:
    cues = Cues.read(cue_file("solicitation"))
    assert "留联系方式" in set(cues.found(plain_form(text)))


def test_a_model_file_keeps_no_text_that_it_learnt(tmp_path: Path) -> None:
    lines = [
        json.dumps({"text": f"秘密的孩子名叫欧阳示例 {n}", "label": label, "group": str(n)})
        for n in range(20)
        for label in ("x", "other")
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    card = train(data_task(tmp_path / "x.jsonl"), tmp_path)
    with zipfile.ZipFile(tmp_path / card.file) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    for shape in ("utf-8", "utf-32-le"):
        assert "欧阳".encode(shape) not in whole
    assert b"\\u6b27" not in whole


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
        ('{"text": "a", "label": "other"}', "two labels or more"),
        ('{"text": "a", "label": "x"}\n{"text": "b"}', ":2 is no object"),
        ('{"text": "a", "label": 3}', "must be strings"),
        ('{"text": "a", "label": "x"}\n\n{"text": " ", "label": "x"}', ":3: .*must not be empty"),
        ("[1]", ":1 is no object"),
        ('{"text": "a", "label": "x"', ":1 is no object"),
        ('{"text":"a","label":"x"}\n{"text":"b","label":"other"}', "5 different texts, not 1"),
        ("", "two labels or more"),
    ],
)
def test_a_corpus_that_cannot_train_is_refused(tmp_path: Path, lines: str, said: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(lines, encoding="utf-8")
    with pytest.raises(CorpusError, match=said):
        train(data_task(file), tmp_path / "out")
    assert not (tmp_path / "out").exists()


FRUITS = {"苹果": "红红的很甜", "香蕉": "弯弯的很软", "西瓜": "圆圆的多汁"}


def fruit_corpus(file: Path, *, grouped: bool) -> Path:
    rows = [
        {"text": f"第{n}天,我吃了{fruit},{taste}", "label": fruit}
        | ({"group": f"day-{n % 6}"} if grouped else {})
        for n in range(24)
        for fruit, taste in FRUITS.items()
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    file.write_text(text + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize("grouped", [True, False])
def test_any_labels_can_be_learnt(tmp_path: Path, grouped: bool) -> None:
    file = fruit_corpus(tmp_path / "水 果.jsonl", grouped=grouped)
    card = train(data_task(file), tmp_path)
    assert (card.family, card.file, card.labels) == ("水-果", "水-果.skops", tuple(sorted(FRUITS)))
    assert card.held_out == "groups"
    loaded = load(tmp_path / card.file)
    assert evaluate(loaded, file).macro_f1 == 1.0
    chances = loaded.probabilities(["昨天吃的西瓜多汁", "香蕉软"])
    assert loaded.said(chances) == ["西瓜", "香蕉"]
    assert chances.sum(axis=1) == pytest.approx([1, 1])


def test_a_card_is_written_for_people_and_for_programs(trained: Trained, folder: Path) -> None:
    card = trained["solicitation"]
    shown = json.loads((folder / "solicitation.json").read_text(encoding="utf-8"))
    assert shown["digest"] == card.digest
    assert shown["suspect"]["recall"] == card.suspect.recall
    assert shown["bytes"] == (folder / card.file).stat().st_size
    readable = (folder / "solicitation.md").read_text(encoding="utf-8")
    assert all(text in readable for text in (card.digest, card.intended_use, card.limits))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, trained: Trained, folder: Path) -> None:
    whole = (folder / trained["solicitation"].file).read_bytes()
    wrongs = {"cut": whole[:500], "empty": b"", "pickle": pickle.dumps({"features_version": 1})}
    for name, data in wrongs.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(ModelError):
            load(file)
    with pytest.raises(ModelError):
        load(tmp_path / "missing.skops")


@pytest.mark.parametrize("content", [{"features_version": 1}, {"features_version": 2}, ["x"], Path])
def test_a_model_of_another_shape_is_refused(tmp_path: Path, content: object) -> None:
    file = tmp_path / "x.skops"
    skops.io.dump(content, file)
    with pytest.raises(ModelError):
        load(file)
