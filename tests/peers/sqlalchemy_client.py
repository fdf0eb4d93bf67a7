"""SQLAlchemy with its pool and its ORM, as it is: what it asks a server at first, prepared statements, transactions, savepoints.

Usage: python sqlalchemy_client.py; the PG* variables name the server."""
from sqlalchemy import Integer, Text, create_engine, func, inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = 'customers'
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)


def main():
    engine = create_engine('postgresql+psycopg://', pool_size=2, pool_pre_ping=True)
    for _ in range(15):
        # More often than psycopg needs to prepare it.
        with Session(engine) as session:
            names = session.scalars(select(Customer.name).where(Customer.id <= 20).order_by(Customer.id)).all()
    print(len(names), names[6])
    print('orders' in inspect(engine).get_table_names(), len(inspect(engine).get_columns('customers')) > 1)
    with Session(engine) as session:
        customer = session.get(Customer, 7)
        # A write of the ORM in a savepoint is refused; what is around it goes on.
        try:
            with session.begin_nested():
                customer.name = 'other'
        except DBAPIError as error:
            print(error.orig.sqlstate)
        session.expire_all()
        print(session.get(Customer, 7).name, session.scalar(select(func.count()).select_from(Customer)) > 1)
    engine.dispose()


main()
