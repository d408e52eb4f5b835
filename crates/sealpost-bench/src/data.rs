//! The table that is reported: 20 columns of the kinds that a leasing contract has, generated inside the server.

use sealpost_testkit::mariadb::MariaDb;

/// Columns of the report.
pub(crate) const COLUMNS: usize = 20;
/// The database.
pub(crate) const DATABASE: &str = "bench";
/// The partner scope that all rows belong to.
pub(crate) const SCOPE: &str = "P-001";

const TABLE: &str = "
CREATE DATABASE bench CHARACTER SET utf8mb4;
CREATE TABLE bench.contract (
    id BIGINT NOT NULL PRIMARY KEY,
    contract_no VARCHAR(16) NOT NULL,
    partner CHAR(5) NOT NULL,
    status VARCHAR(12) NOT NULL,
    first_name VARCHAR(40) NOT NULL,
    last_name VARCHAR(40) NOT NULL,
    street VARCHAR(60) NOT NULL,
    postcode CHAR(5) NOT NULL,
    city VARCHAR(40) NOT NULL,
    email VARCHAR(80) NULL,
    model VARCHAR(60) NOT NULL,
    frame_no BIGINT NOT NULL,
    price DECIMAL(10,2) NOT NULL,
    monthly_rate DECIMAL(8,2) NOT NULL,
    insurance DECIMAL(8,2) NULL,
    residual DECIMAL(12,4) NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NULL,
    signed_at DATETIME NOT NULL,
    changed_at DATETIME NULL
) ENGINE=InnoDB;
";

// The numbers are made from the row's own by multiplying with primes: the same on every machine, and without pattern
// enough for a compressor to live on.
const ROWS: &str = "
INSERT INTO bench.contract SELECT
    seq,
    CONCAT('V-', LPAD(seq, 10, '0')),
    'P-001',
    ELT(1 + seq MOD 4, 'active', 'returned', 'ordered', 'ended'),
    ELT(1 + seq * 7 MOD 12, 'Jürgen', 'Zoë', 'Anna', 'Søren', 'Łukasz', 'Mehmet', 'François', 'Käthe', 'Björn', 'Inés', 'Ömer', 'Paul'),
    ELT(1 + seq * 13 MOD 11, 'Müller', 'Großmann', 'Schäfer', 'Özdemir', 'Nuñez', 'Kowalski', 'Weiß', 'Jäger', 'Smith', 'Lefèvre', 'Køhler'),
    CONCAT(ELT(1 + seq * 17 MOD 6, 'Hauptstraße', 'Am Dömchen', 'Rue de l\\'Église', 'Kirchgasse', 'Ringstraße', 'Mühlenweg'), ' ', 1 + seq * 31 MOD 240),
    LPAD(seq * 7919 MOD 100000, 5, '0'),
    ELT(1 + seq * 19 MOD 8, 'München', 'Köln', 'Düsseldorf', 'Hamburg', 'Zürich', 'Nürnberg', 'Berlin', 'Freiburg im Breisgau'),
    IF(seq MOD 7 = 0, NULL, CONCAT('employee', seq * 37 MOD 20000, '@company', seq MOD 300, '.example')),
    ELT(1 + seq * 23 MOD 7, 'City, 8 Gang', 'Trekking \"Pro\" 28', 'E-Bike Größe L', 'Gravel 11s', 'Cargo; zwei Kinder', 'Faltrad 20', 'MTB Fully 29'),
    seq * 104729 MOD 9007199254740993,
    (seq * 7907 MOD 900000) / 100 + 800,
    (seq * 6701 MOD 25000) / 100 + 19.9,
    IF(seq MOD 5 = 0, NULL, (seq * 5003 MOD 2500) / 100 + 4.5),
    (seq * 9973 MOD 9999991) / 7,
    DATE '2019-01-01' + INTERVAL (seq * 101 MOD 2500) DAY,
    IF(seq MOD 3 = 0, NULL, DATE '2022-01-01' + INTERVAL (seq * 103 MOD 2500) DAY),
    TIMESTAMP '2018-12-01 06:00:00' + INTERVAL (seq * 7451 MOD 200000000) SECOND,
    IF(seq MOD 4 = 0, NULL, TIMESTAMP '2023-03-01 00:00:00' + INTERVAL (seq * 6971 MOD 90000000) SECOND)
FROM seq_1_to_";

/// The report types of the catalogue, and what their queries have more than the first one's. A tenth of the usual table, a
/// thousand rows, ten thousand, and ten times as many as there are.
pub(crate) const REPORTS: &[(&str, &str)] = &[
    ("contracts", ""),
    ("tenth", TENTH),
    ("thousand", " AND id <= 1000"),
    ("ten-thousand", " AND id <= 10000"),
    ("tenfold", TENFOLD),
];

/// Every tenth row: what takes the peer too long with all of them.
pub(crate) const TENTH: &str = " AND id % 10 = 0";
/// Each row ten times, made while it is read.
const TENFOLD: &str = " AND 1 = 1 /* each row ten times */";

/// The grants of the partner: all reports.
pub(crate) fn grants() -> String {
    REPORTS.iter().map(|(report, _)| format!("{{ report = \"{report}\" }}")).collect::<Vec<_>>().join(", ")
}

/// The query with the partner scope as it stands here, `:partner_scope` for us and a literal for the peers, and more
/// conditions.
pub(crate) fn query(scope: &str, more: &str) -> String {
    let again = if more == TENFOLD { " CROSS JOIN seq_1_to_10" } else { "" };
    format!(
        "SELECT id, contract_no, partner, status, first_name, last_name, street, postcode, city, email, model, frame_no, price,\n\
         monthly_rate, insurance, residual, starts_on, ends_on, signed_at, changed_at\n\
         FROM contract{again} WHERE partner = {scope}{more}"
    )
}

/// Starts a server and fills its table.
pub(crate) fn server(rows: u64) -> MariaDb {
    // The whole table in memory: the disk is nobody's merit.
    let server = MariaDb::start_with(&["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M"]);
    server.run("", TABLE);
    server.run(DATABASE, &format!("{ROWS}{rows}; ANALYZE TABLE contract;"));
    server
}
