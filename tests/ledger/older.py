"""State databases as older versions left them."""

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from finops.ledger.state import MIGRATIONS


def state_at(url: str, revision: str) -> None:
    """Make a state database in the form of a revision, such as `0003`, with no later table in it."""
    from alembic import command
    from alembic.config import Config

    parsed = make_url(url)
    engine = create_engine(parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
