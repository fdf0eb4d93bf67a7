// The JDBC driver at the server that the PG* variables name. Usage: java -cp postgresql.jar:CLASSES Jdbc same|denied|held|masked; see
// psycopg_client.py.
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;

public class Jdbc {
    static final String BAD = System.getenv("BAD");

    interface Work { Object run() throws Exception; }

    static void say(Object... words) {
        StringBuilder line = new StringBuilder();
        for (Object word : words) line.append(line.length() == 0 ? "" : " ").append(word instanceof int[] ? Arrays.toString((int[]) word) : word);
        System.out.println(line);
    }

    /** Prints what comes of it: a value, or the error as the driver throws it. */
    static void attempt(String what, Work work) throws Exception {
        try {
            say(what, work.run());
        } catch (PSQLException error) {
            int at = error.getServerErrorMessage() == null ? 0 : error.getServerErrorMessage().getPosition();
            say(what, error.getClass().getSimpleName(), error.getSQLState(), at == 0 ? "" : "at " + at);
        }
    }

    static Connection connect(String options) throws SQLException {
        String url = "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE") + "?sslmode=disable" + options;
        return DriverManager.getConnection(url, System.getenv("PGUSER"), System.getenv("PGPASSWORD"));
    }

    /** A value in words: an array by what is in it, whichever format it came in. */
    static String text(Object value) throws SQLException {
        return value instanceof Array ? Arrays.toString((Object[]) ((Array) value).getArray()) : String.valueOf(value);
    }

    static List<Object> rows(ResultSet result) throws SQLException {
        List<Object> rows = new ArrayList<>();
        while (result.next()) {
            StringJoiner row = new StringJoiner(",");
            for (int column = 1; column <= result.getMetaData().getColumnCount(); column++) row.add(text(result.getObject(column)));
            rows.add(row.toString());
        }
        return rows;
    }

    static List<Object> query(Connection db, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = db.prepareStatement(sql)) {
            for (int place = 0; place < values.length; place++) statement.setObject(place + 1, values[place]);
            return rows(statement.executeQuery());
        }
    }

    static int update(Connection db, String sql) throws SQLException {
        try (Statement statement = db.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    static void values(Connection db) throws Exception {
        say("row", query(db, "SELECT name, balance, born, id, NULL FROM customers WHERE id = ?", 7));
        say("values", query(db, "SELECT encode(?::bytea, 'hex'), ?::text, ?::int, ?::float8", new byte[] {0, -1}, "žluťoučký 🐎", null, 0.1));
        Object[] many = new Object[1000];
        for (int n = 0; n < many.length; n++) many[n] = n;
        say("many", query(db, "SELECT count(*), sum(v) FROM unnest(ARRAY[" + "?,".repeat(999) + "?]) v", many));
        say("long", query(db, "SELECT length(?)", "é".repeat(500_000)));
        say("empty", update(db, ""));
        long rows = 0, sum = 0;
        try (Statement statement = db.createStatement(); ResultSet result = statement.executeQuery("SELECT n, repeat('x', 20) FROM generate_series(1, 200000) n")) {
            for (; result.next(); rows++) sum += result.getLong(1);
        }
        say("large", rows, sum);
    }

    static void prepared(String options) throws Exception {
        try (Connection db = connect(options)) {
            long sum = 0;
            try (PreparedStatement statement = db.prepareStatement("SELECT ?::int * 2, born FROM customers WHERE id = 1")) {
                for (int n = 0; n < 100; n++) {
                    statement.setInt(1, n);
                    try (ResultSet result = statement.executeQuery()) {
                        result.next();
                        sum += result.getInt(1);
                    }
                }
            }
            say("prepared", options, sum, query(db, "SELECT count(*) > 0 FROM pg_prepared_statements"));
            update(db, "PREPARE p(int) AS SELECT $1 + 1");
            say("execute", query(db, "EXECUTE p(41)"), update(db, "DEALLOCATE p"));
            update(db, "DEALLOCATE ALL");
            attempt("again", () -> query(db, "SELECT ?::int", 4));
        }
    }

    /** A batch with a statement in it that fails: what came of those before and after it. */
    static void batches(Connection db) throws Exception {
        for (boolean automatic : new boolean[] {true, false}) {
            db.setAutoCommit(automatic);
            try (Statement batch = db.createStatement()) {
                for (String sql : List.of("INSERT INTO work VALUES (1)", "INSERT INTO work VALUES (2)", BAD, "INSERT INTO work VALUES (3)")) batch.addBatch(sql);
                say("batch", automatic, batch.executeBatch());
            } catch (BatchUpdateException error) {
                say("batch", automatic, error.getUpdateCounts(), error.getSQLState());
            }
            if (!automatic) {
                attempt("aborted", () -> query(db, "SELECT 1"));
                db.rollback();
            }
            say("left", query(db, "SELECT id FROM work ORDER BY id"), update(db, "DELETE FROM work"));
            if (!automatic) db.commit();
        }
        db.setAutoCommit(true);
        try (PreparedStatement batch = db.prepareStatement("INSERT INTO work VALUES (?, ?)")) {
            for (int n = 0; n < 500; n++) {
                batch.setInt(1, n);
                batch.setString(2, "note " + n);
                batch.addBatch();
            }
            say("many", batch.executeBatch().length, update(db, "DELETE FROM work"));
        }
    }

    static void transactions(Connection db) throws Exception {
        attempt("string", () -> update(db, "INSERT INTO work VALUES (1); SELECT 1 / 0"));
        try (Statement several = db.createStatement()) {
            boolean rows = several.execute("SELECT 1; INSERT INTO work VALUES (8); SELECT 2");
            for (; rows || several.getUpdateCount() != -1; rows = several.getMoreResults()) say("several", rows ? rows(several.getResultSet()) : several.getUpdateCount());
        }
        db.setAutoCommit(false);
        update(db, "INSERT INTO work VALUES (9)");
        Savepoint savepoint = db.setSavepoint("here");
        try {
            update(db, BAD);
        } catch (PSQLException error) {
            say("inside", error.getSQLState());
        }
        attempt("aborted", () -> query(db, "SELECT 1"));
        db.rollback(savepoint);
        db.commit();
        db.setAutoCommit(true);
        update(db, "DO $$ BEGIN INSERT INTO work VALUES (11); END $$");
        say("left", query(db, "SELECT id FROM work ORDER BY id"), update(db, "DELETE FROM work"));
        attempt("syntax", () -> query(db, "SELECT 'é', ?::int FRM x", 1));
        attempt("division", () -> query(db, "SELECT 1 / ?::int", 0));
    }

    static void cursors(Connection db) throws Exception {
        db.setAutoCommit(false);
        try (PreparedStatement statement = db.prepareStatement("SELECT id FROM orders WHERE id > ? ORDER BY id")) {
            statement.setFetchSize(3);
            statement.setInt(1, 10);
            say("fetched", rows(statement.executeQuery()));
            ResultSet early = statement.executeQuery();
            early.next();
            say("early", early.getInt(1));
            early.close();
        }
        db.commit();
        db.setAutoCommit(true);
    }

    static void copies(Connection db) throws Exception {
        StringBuilder lines = new StringBuilder();
        for (int n = 0; n < 20_000; n++) lines.append(n).append('\t').append(n % 3 == 0 ? "\\N" : "é " + n).append('\n');
        var copy = db.unwrap(PGConnection.class).getCopyAPI();
        say("copied in", copy.copyIn("COPY work FROM STDIN", new StringReader(lines.toString())));
        StringWriter out = new StringWriter();
        say("copied out", copy.copyOut("COPY (SELECT * FROM work ORDER BY id) TO STDOUT", out), out.toString().contentEquals(lines));
        attempt("copy", () -> copy.copyIn("COPY work FROM STDIN", new StringReader("1\ttwice\n")));
        say("on", update(db, "DELETE FROM work"));
    }

    static void notifications(Connection db) throws Exception {
        update(db, "LISTEN news");
        try (Connection other = connect("")) {
            update(other, "NOTIFY news, 'žluť'");
        }
        for (var notified : db.unwrap(PGConnection.class).getNotifications(5000)) say("notified", notified.getName(), notified.getParameter());
    }

    static void cancelled(Connection db) throws Exception {
        long begin = System.nanoTime();
        try (Statement statement = db.createStatement()) {
            cancelLater(statement, 300);
            attempt("sleep", () -> rows(statement.executeQuery("SELECT pg_sleep(20)")));
        }
        say("soon", System.nanoTime() - begin < 2_000_000_000L, query(db, "SELECT 1"));
    }

    static void cancelLater(Statement statement, long millis) {
        new Timer(true).schedule(new TimerTask() {
            public void run() {
                try {
                    statement.cancel();
                } catch (SQLException error) {
                    say("cancel", error);
                }
            }
        }, millis);
    }

    static void same(Connection db) throws Exception {
        values(db);
        for (String options : List.of("", "&prepareThreshold=1", "&prepareThreshold=-1", "&preferQueryMode=simple")) prepared(options);
        batches(db);
        transactions(db);
        cursors(db);
        copies(db);
        notifications(db);
        cancelled(db);
    }

    /** As somebody who may only read. */
    static void denied(Connection db) throws Exception {
        attempt("read", () -> query(db, "SELECT name FROM customers WHERE id = ?", 7));
        attempt("write", () -> update(db, "DELETE FROM work"));
        attempt("write", () -> query(db, "DELETE FROM work WHERE id = ? RETURNING id", 7));
        try (PreparedStatement batch = db.prepareStatement("INSERT INTO work VALUES (?)")) {
            for (int n = 0; n < 3; n++) {
                batch.setInt(1, n);
                batch.addBatch();
            }
            say("batch", batch.executeBatch());
        } catch (BatchUpdateException error) {
            say("batch", error.getUpdateCounts(), error.getSQLState());
        }
        attempt("copy", () -> db.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY work FROM STDIN", new StringReader("1\tx\n")));
        attempt("syntax", () -> query(db, "SELECT 'é', ?::int FRM x", 1));
        db.setAutoCommit(false);
        attempt("read", () -> query(db, "SELECT 1"));
        attempt("inside", () -> query(db, "DELETE FROM work WHERE id = ? RETURNING id", 7));
        attempt("after", () -> query(db, "SELECT 1"));
        db.rollback();
        db.setAutoCommit(true);
        attempt("on", () -> query(db, "SELECT ?::text", "x"));
    }

    /** What waits for people: the first statement is approved, the second is withdrawn. */
    static void held(Connection db) throws Exception {
        try (Statement statement = db.createStatement()) {
            attempt("approved", () -> statement.executeUpdate("CREATE TABLE made_by_java ()"));
            SQLWarning notice = statement.getWarnings();
            say(notice.getSQLState(), List.of(notice.getMessage().split(" ")).subList(0, 3));
        }
        try (Statement statement = db.createStatement()) {
            cancelLater(statement, 500);
            attempt("withdrawn", () -> statement.executeUpdate("CREATE TABLE never_made (id int)"));
        }
        attempt("on", () -> query(db, "SELECT ?::text", "x"));
    }

    static final String PEOPLE = "SELECT * FROM people ORDER BY id";

    /** What comes back of masked columns, however it is asked for. */
    static void masked() throws Exception {
        for (String options : List.of("", "&prepareThreshold=1", "&prepareThreshold=-1", "&preferQueryMode=simple", "&binaryTransfer=false")) {
            try (Connection db = connect(options)) {
                Set<Object> seen = new HashSet<>();
                try (PreparedStatement statement = db.prepareStatement(PEOPLE)) {
                    // From the fifth time on the server keeps the statement, and what can be comes in binary.
                    for (int n = 0; n < 8; n++) seen.add(rows(statement.executeQuery()));
                }
                say("people", options, seen);
                db.setAutoCommit(false);
                try (PreparedStatement statement = db.prepareStatement(PEOPLE)) {
                    statement.setFetchSize(1);
                    say("fetched", seen.contains(rows(statement.executeQuery())));
                }
                db.setAutoCommit(true);
            }
        }
        try (Connection db = connect("&prepareThreshold=1"); PreparedStatement statement = db.prepareStatement(PEOPLE)) {
            for (int n = 0; n < 2; n++) {
                try (ResultSet row = statement.executeQuery()) {
                    row.next();
                    say("typed", row.getString("ssn"), row.getInt("pin"), row.wasNull(), row.getBigDecimal("salary"), row.getArray("phones"), row.getBigDecimal("balance"));
                }
            }
            say("computed", query(db, "SELECT pin + 1, upper(ssn), phones[1], name FROM people ORDER BY id"));
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("masked")) {
            masked();
            return;
        }
        try (Connection db = connect("")) {
            switch (arguments[0]) {
                case "same": same(db); break;
                case "denied": denied(db); break;
                default: held(db);
            }
        }
    }
}
