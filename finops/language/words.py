"""The words a question is made of, in English and Portuguese, as `fold` writes them: lower case, no accents."""

import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from finops.charges import DIMENSIONS, METRICS, Metric
from finops.periods import Grain, Unit

V = TypeVar("V")


def fold(word: str) -> str:
    """Return `word` without accents and capitals, so that 'Últimos' and 'ultimos' are one word."""
    plain = unicodedata.normalize("NFKD", word)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()


def _words(rows: Iterable[tuple[V, str]]) -> Mapping[str, V]:
    """Turn `meaning → its words` around; a word with two meanings is a mistake of ours."""
    table: dict[str, V] = {}
    for meaning, words in rows:
        for word in words.split(" | "):
            if table.setdefault(word, meaning) != meaning:
                raise AssertionError(f"'{word}' means both {table[word]} and {meaning}")
    return MappingProxyType(table)


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Underscores stand for spaces and hyphens: `token-type`, `token type`.
DIMENSION_WORDS: Final[Mapping[str, str]] = _words(
    [
        *((name, name) for name in DIMENSIONS),
        ("team", "equipe | equipa | time | squad"),
        ("project", "projeto | projecto"),
        ("env", "environment | ambiente"),
        ("provider", "vendor | cloud | provedor | fornecedor | nuvem"),
        ("service", "servico"),
        ("service_category", "categoria_de_servico"),
        ("account", "subscription | sub_account | subaccount | conta | assinatura"),
        ("billing_account", "payer | conta_pagadora | conta_de_faturamento"),
        ("resource", "recurso"),
        ("resource_type", "tipo_de_recurso"),
        ("region", "regiao | regioes"),
        ("sku", "meter"),
        ("model", "llm | modelo"),
        ("feature", "funcionalidade"),
        ("user", "usuario | utilizador"),
        ("tenant", "customer | cliente | inquilino"),
        ("route", "rota"),
        ("token_type", "tipo_de_token"),
        ("category", "charge_category | categoria"),
        ("class", "charge_class | classe"),
        ("pricing", "pricing_category | precificacao"),
        ("commitment", "reservation | compromisso | reserva"),
        ("invoice", "fatura"),
        ("description", "descricao"),
        ("currency", "moeda"),
        ("source", "fonte | origem"),
    ]
)
TAG_WORDS: Final = frozenset({"tag", "label", "etiqueta", "rotulo"})
NONE_WORDS: Final = frozenset({"none", "nenhum", "nenhuma"})
NOT_WORDS: Final = frozenset({"not", "except", "without", "excluding", "exceto", "menos", "sem"})

METRIC_WORDS: Final[Mapping[str, Metric]] = _words(
    [
        ("effective", "effective | amortized | amortised | efetivo | efetiva | amortizado"),
        ("billed", "billed | invoiced | unblended | faturado | faturada"),
        ("list", "list | on-demand | lista"),
        ("contracted", "contracted | negotiated | contratado | contratada"),
    ]
)
METRIC_ABOUT: Final[Mapping[Metric, str]] = MappingProxyType(
    {
        "effective": "commitments spread over what they cover",
        "billed": "what the invoice says",
        "list": "at public prices",
        "contracted": "at negotiated prices, before commitments",
    }
)
METRIC_KEYS: Final = frozenset({"cost", "costs", "metric", "custo", "custos", "metrica"})
# `list` alone is a verb ("list the teams"), so it counts only beside a price or a cost.
METRIC_PHRASES: Final[Mapping[str, Metric]] = MappingProxyType(
    {word: metric for word, metric in METRIC_WORDS.items() if word not in {"list", "lista"}}
    | {
        "list cost": "list",
        "list costs": "list",
        "list price": "list",
        "list prices": "list",
        "preco de lista": "list",
        "custo de lista": "list",
    }
)

GRAIN_WORDS: Final[Mapping[str, Grain]] = _words(
    [
        ("day", "daily | day by day | diario | diaria | diariamente | dia a dia"),
        ("week", "weekly | week by week | semanal | semanalmente"),
        ("month", "monthly | month by month | mensal | mensalmente"),
    ]
)
GRAIN_NOUNS: Final[Mapping[str, Grain]] = _words(
    [
        ("day", "day | days | date | dia | dias | data"),
        ("week", "week | weeks | semana | semanas"),
        ("month", "month | months | mes | meses"),
    ]
)
GRAIN_KEYS: Final = frozenset({"grain", "grao", "granularidade"})
GRAIN_ABOUT: Final[Mapping[Grain, str]] = MappingProxyType(
    {"day": "up to 45 days, unless asked otherwise", "week": "from Monday; up to 200 days", "month": "beyond"}
)

UNIT_WORDS: Final[Mapping[str, Unit]] = _words(
    [
        ("day", "d | day | days | dia | dias"),
        ("week", "w | wk | wks | week | weeks | semana | semanas"),
        ("month", "m | mo | mos | month | months | mes | meses"),
        ("quarter", "q | quarter | quarters | trimestre | trimestres"),
        ("year", "y | yr | yrs | year | years | ano | anos"),
    ]
)
HOUR_WORDS: Final = frozenset(
    {"h", "hr", "hrs", "hour", "hours", "hourly", "hora", "horas", "min", "mins", "minute", "minutes", "minuto", "minutos"}
)
NUMBER_WORDS: Final[Mapping[str, int]] = _words(
    [
        (1, "one | um | uma"),
        (2, "two | dois | duas"),
        (3, "three | tres"),
        (4, "four | quatro"),
        (5, "five | cinco"),
        (6, "six | seis"),
        (7, "seven | sete"),
        (8, "eight | oito"),
        (9, "nine | nove"),
        (10, "ten | dez"),
        (12, "twelve | doze"),
        (14, "fourteen | quatorze | catorze"),
        (30, "thirty | trinta"),
        (90, "ninety | noventa"),
    ]
)
MONTH_WORDS: Final[Mapping[str, int]] = _words(
    [
        (1, "january | jan | janeiro"),
        (2, "february | feb | fevereiro | fev"),
        (3, "march | mar | marco"),
        (4, "april | apr | abril | abr"),
        (5, "may | maio | mai"),
        (6, "june | jun | junho"),
        (7, "july | jul | julho"),
        (8, "august | aug | agosto | ago"),
        (9, "september | sept | sep | setembro | set"),
        (10, "october | oct | outubro | out"),
        (11, "november | nov | novembro"),
        (12, "december | dec | dezembro | dez"),
    ]
)
MONTHS_ONLY_WITH_YEAR: Final = frozenset({"ago", "set", "out", "dez"})  # everyday words otherwise

DAY_WORDS: Final[Mapping[str, int]] = _words([(0, "today | hoje"), (-1, "yesterday | ontem")])
TO_DATE_WORDS: Final[Mapping[str, Unit]] = MappingProxyType({"wtd": "week", "mtd": "month", "qtd": "quarter", "ytd": "year"})
THIS: Final = frozenset({"this", "current", "este", "esta", "neste", "nesta", "deste", "desta"})
THIS_AFTER: Final = frozenset({"to date", "so far", "ate hoje", "ate agora", "atual", "corrente"})  # after the unit: `mês atual`
LAST: Final = frozenset({"last", "ultimo", "ultima", "ultimos", "ultimas"})
PAST: Final = frozenset({"past", "trailing"})  # `past week` rolls: the seven days before today
PREVIOUS: Final = frozenset({"previous", "prior", "preceding"})
LAST_AFTER: Final = frozenset({"passado", "passada"})  # after the unit: `mês passado`
PREVIOUS_AFTER: Final = frozenset({"before", "anterior"})
FROM: Final = frozenset({"from", "de"})
BETWEEN: Final = frozenset({"between", "entre"})
SINCE: Final = frozenset({"since", "desde", "a partir de"})
TO: Final = frozenset({"to", "until", "till", "through", "thru", "ate", "a", "ao", "..", "-", "–", "—", "→"})
TO_MEANS_ONLY_A_RANGE: Final = frozenset({"until", "till", "through", "thru", "ate", ".."})
PERIOD_KEYS: Final = frozenset({"period", "periodo", "when", "quando"})

VERSUS: Final = frozenset(
    {
        "vs",
        "versus",
        "against",
        "compare to",
        "compare with",
        "compared to",
        "compared with",
        "compared against",
        "contra",
        "comparado",
        "comparado com",
        "comparado a",
        "comparado ao",
        "comparada com",
        "comparar com",
        "em relacao a",
        "em relacao ao",
    }
)
NO_COMPARISON: Final = frozenset({"none", "nothing", "nada", "nenhum"})
DIRECTLY_BEFORE: Final = frozenset(
    {"previous", "previous period", "prior", "prior period", "before", "period before", "anterior", "periodo anterior"}
)
YEAR_BEFORE: Final = frozenset(
    {"last year", "previous year", "a year ago", "year ago", "a year before", "year before", "ano passado", "ano anterior"}
)

BY: Final = frozenset({"by", "per", "each", "every", "por", "cada"})
AND: Final = frozenset({"and", "e", "&", "+"})
TOP: Final = frozenset({"top"})
COUNT: Final = frozenset({"count", "distinct", "unique", "contar", "conte", "distintos", "distintas", "unicos", "unicas"})
IN: Final = frozenset({"in", "em"})

CURRENCIES: Final = _set(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
    IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR
    MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD
    XCG XOF XPF YER ZAR ZMW ZWG
    """
)
CURRENCY_NAMES: Final[Mapping[str, str]] = _words(
    [
        ("EUR", "euro | euros | €"),
        ("USD", "dollar | dollars | dolar | dolares | $ | us$"),
        ("BRL", "real | reais | r$"),
        ("GBP", "pound | pounds | libra | libras | £"),
        ("CHF", "franc | francs | franco | francos"),
        ("JPY", "yen | iene | ienes | ¥"),
    ]
)

# Said around a question without changing it.
NOISE: Final = _set(
    """
    cost costs spend spending spent spends expense expenses bill bills charge charges money total overall amount value price
    prices show me us give tell get please thanks hi hello what whats which how much many did do does is was were are has
    have been can could would like want know you i we my our the a an of for on in at with all about everything tudo and it during within
    over compare break breakdown broken down split group grouped drill ai most expensive biggest largest custo custos gasto gastos
    gastou gastamos gastaram gastei despesa despesas custou custa custam custaram custando quanto quanta qual quais que o os
    as do da dos das de no na nos nas em um uma e com para pra pelo pela nosso nossa nossos nossas meu minha mostre mostra
    mostrar foi foram esta valor ia favor quebrado dividido agrupado separado durante
    """
)
NOISE_PHRASES: Final = frozenset({"by cost", "by spend", "por custo", "por gasto", "por favor", "broken down", "so far", "over time"})

SETTINGS: Final = BY | TOP | COUNT | IN | METRIC_KEYS | GRAIN_KEYS | PERIOD_KEYS | VERSUS

# What a word in the wrong place is compared with, and what may not silently become a value: `team=ml, last 7d`.
KEYWORDS: Final = frozenset().union(
    *(METRIC_PHRASES, GRAIN_WORDS, VERSUS, DAY_WORDS, TO_DATE_WORDS, THIS, LAST, PAST, PREVIOUS, FROM - {"de"}, BETWEEN, SINCE),
    *(BY, TOP, COUNT, IN, NOT_WORDS, MONTH_WORDS.keys() - MONTHS_ONLY_WITH_YEAR, METRIC_KEYS, PERIOD_KEYS, GRAIN_KEYS),
)

VOCABULARY: Final = frozenset(name for name in (KEYWORDS | DIMENSION_WORDS.keys()) - NOISE if len(name) > 2)

assert set(METRIC_WORDS.values()) == set(METRICS), "every cost metric has a word"
