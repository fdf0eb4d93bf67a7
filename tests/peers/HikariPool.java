// HikariCP over JDBC, as it is: connections are tested, shared by threads, and come back clean.
//
// Usage: java -cp HikariCP.jar:slf4j-api.jar:slf4j-simple.jar:postgresql.jar HikariPool.java; the PG* variables name the server.

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

public final class HikariPool {
    public static void main(String[] args) throws Exception {
        var config = new HikariConfig();
        config.setJdbcUrl("jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE")
            + "?sslmode=disable");
        config.setUsername(System.getenv("PGUSER"));
        config.setPassword(System.getenv("PGPASSWORD"));
        config.setMaximumPoolSize(3);
        config.setReadOnly(true);
        try (var pool = new HikariDataSource(config)) {
            var names = new ConcurrentLinkedQueue<String>();
            var threads = Executors.newFixedThreadPool(8);
            for (int n = 0; n < 30; n++) {
                int id = n % 20 + 1;
                threads.submit(() -> names.add(name(pool, id)));
            }
            threads.shutdown();
            threads.awaitTermination(30, TimeUnit.SECONDS);
            Set<String> different = new HashSet<>(names);
            System.out.println(names.size() + " " + different.size());
            // A transaction that failed is rolled back when its connection comes back.
            try (var db = pool.getConnection()) {
                db.setReadOnly(false);
                db.setAutoCommit(false);
                try (var statement = db.createStatement()) {
                    statement.executeUpdate("DELETE FROM orders");
                } catch (SQLException error) {
                    System.out.println(error.getSQLState());
                }
            }
            for (int n = 0; n < 3; n++) {
                try (var db = pool.getConnection(); var statement = db.createStatement();
                        var rows = statement.executeQuery("SELECT count(*) FROM orders")) {
                    rows.next();
                    System.out.println(db.getAutoCommit() + " " + db.isReadOnly() + " " + rows.getInt(1));
                }
            }
        }
    }

    private static String name(HikariDataSource pool, int id) throws SQLException {
        try (var db = pool.getConnection(); var statement = db.prepareStatement("SELECT name FROM customers WHERE id = ?")) {
            statement.setInt(1, id);
            try (var rows = statement.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }
}
