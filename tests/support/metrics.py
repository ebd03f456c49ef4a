"""One scrape of /metrics, strictly parsed."""

from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    def __init__(self, text: str):
        self.text = text
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = {}
        self.types: dict[str, str] = {}
        self.documentation: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            self.types[family.name] = family.type
            self.documentation[family.name] = family.documentation
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def has(self, name: str) -> bool:
        return name in self._samples

    def names(self) -> set[str]:
        return set(self._samples)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels; 0 if there is none, as for an event that has not happened
        yet. `name` is the sample's name, with _total, _count and so on."""
        return sum(
            value
            for found, value in self._samples.get(name, [])
            if all(found.get(label) == wanted for label, wanted in labels.items())
        )

    def labels(self, name: str) -> list[dict[str, str]]:
        return [labels for labels, _ in self._samples.get(name, [])]
