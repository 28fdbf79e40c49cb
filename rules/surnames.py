"""Whether a short run of Chinese is a person's name: by its surname, and by being no other word."""

from __future__ import annotations

from rules.segmentation import frequency

#: The commonest surnames of the country and of Fujian; with these nine of ten names begin.
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵周吴徐孙马胡朱郭何罗高林郑梁谢唐许冯宋韩邓彭曹曾田萧潘袁蔡蒋余于杜叶程魏苏吕丁"
    "任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付傅方邹熊白孟秦邱江尹薛阎闫雷侯龙史陶黎贺顾毛郝龚邵万钱严"
    "覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符"
    "舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农"
    "司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁"
    "沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼"
    "盘满闻位厉伊仝郜洪赖丘粘许曾洪颜尤施"
)
_LONG_SURNAMES = (
    "欧阳",
    "上官",
    "司徒",
    "诸葛",
    "司马",
    "夏侯",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "令狐",
)
#: A word of the dictionary that occurs as often is a word (高兴, 周末), whatever it begins with.
#: Names that the dictionary knows (张伟) stay below.
_ORDINARY = 60
#: What fills a column of names without being one.
_NO_NAMES = frozenset(
    {"合计", "平均", "总计", "平均分", "最高分", "最低分", "应到", "实到", "备注", "班级"}
)


def is_person_name(text: str) -> bool:
    """Two to four Chinese characters with a surname before; masked names are none (陈*宇)."""
    if not all("\u4e00" <= character <= "\u9fff" for character in text) or text in _NO_NAMES:
        return False
    if text.startswith(_LONG_SURNAMES):
        return 3 <= len(text) <= 4
    fits = 2 <= len(text) <= 3 and text[0] in _SURNAMES
    return fits and frequency(text) < _ORDINARY
