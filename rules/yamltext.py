"""YAML from people, read so that every mistake is an error with its place."""

from __future__ import annotations

import yaml

#: A pack, profile or scheme is four or five deep; what is this deep is meant to do harm.
_DEEPEST = 40


class _Loader(yaml.SafeLoader):
    """The safe loader; what it would let through as a bare error is a YAML error with a mark."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose, refusing what is nested beyond reason."""
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                raise yaml.composer.ComposerError(
                    None, None, f"over {_DEEPEST} levels deep", self.get_mark()
                )
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        """Construct; a date that no calendar has is a mistake like any other."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, AttributeError, IndexError, OverflowError) as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"not a {node.tag.rpartition(':')[2]}: {error}", node.start_mark
            ) from error


def read_yaml(text: str) -> object:
    """Read one document.

    Raises:
        yaml.YAMLError: it is none, or a value in it is not what its form says.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def refuse_depth(text: str) -> None:
    """Refuse what is nested beyond reason before it is read; quick where the C parser is there.

    Raises:
        yaml.YAMLError: it is, or it is no YAML.
    """
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.composer.ComposerError(
                None, None, f"over {_DEEPEST} levels deep", _mark(event.start_mark)
            )


def _mark(mark: object) -> yaml.Mark | None:
    return mark if isinstance(mark, yaml.Mark) else None
