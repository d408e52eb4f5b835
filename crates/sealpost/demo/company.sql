-- A made-up bike-leasing company. Every value follows from a row's number, so each run has the same data.
CREATE TABLE partners (id TEXT PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO partners VALUES ('nordwind', 'Nordwind Logistik GmbH'), ('alpenrad', 'Alpenrad Küchen AG'), ('hafenwerk', 'Hafenwerk Süd SE');

CREATE TABLE first_names (n INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO first_names VALUES (0,'Jörg'),(1,'Änne'),(2,'Miriam'),(3,'Søren'),(4,'Zoë'),(5,'Łukasz'),(6,'Günter'),(7,'Renée'),(8,'Ayşe'),(9,'Tobias'),(10,'Björn'),(11,'Ksenia'),(12,'Håkon');
CREATE TABLE last_names (n INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO last_names VALUES (0,'Müller'),(1,'Schröder'),(2,'Weiß'),(3,'O''Brien'),(4,'Groß-Bölting'),(5,'Nguyễn'),(6,'Kowalczyk'),(7,'d''Angelo'),(8,'Vögele'),(9,'Strauß'),(10,'Jäger'),(11,'van der Meer'),(12,'Çelik'),(13,'Fischer'),(14,'Løvås'),(15,'Peña'),(16,'Böhm');
CREATE TABLE bikes (id INTEGER PRIMARY KEY, model TEXT NOT NULL, price_cents INTEGER NOT NULL);
INSERT INTO bikes VALUES (1,'Kürbis City 7',189900),(2,'Trail "Fox" 29"',349950),(3,'Lastenrad Größe XL',589000),(4,'E-Rennrad; Carbon',721990),(5,'Faltrad, 20 Zoll',129900),(6,'Tandem für zwei',254900),(7,'Gravel +Plus',298000);

CREATE TABLE employees (
    id INTEGER PRIMARY KEY, partner_id TEXT NOT NULL REFERENCES partners, first_name TEXT NOT NULL, last_name TEXT NOT NULL,
    email TEXT NOT NULL, cost_centre TEXT, born_on DATE NOT NULL
);
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
INSERT INTO employees
SELECT n,
    CASE WHEN n % 2 = 0 THEN 'nordwind' WHEN n % 3 = 0 THEN 'hafenwerk' ELSE 'alpenrad' END,
    (SELECT name FROM first_names AS f WHERE f.n = (numbers.n * 7) % 13),
    (SELECT name FROM last_names AS l WHERE l.n = (numbers.n * 11) % 17),
    'employee' || n || '@example.com',
    CASE WHEN n % 5 = 0 THEN NULL WHEN n % 7 = 0 THEN '' ELSE 'KST-' || (100 + n % 40) END,
    date('1958-01-01', '+' || (n * 37 % 17000) || ' days')
FROM numbers;

CREATE TABLE contracts (
    id INTEGER PRIMARY KEY, contract_no TEXT NOT NULL, employee_id INTEGER NOT NULL REFERENCES employees, bike_id INTEGER NOT NULL REFERENCES bikes,
    status TEXT NOT NULL, starts_on DATE NOT NULL, ends_on DATE, gross_price TEXT NOT NULL, monthly_rate TEXT NOT NULL, signed_at DATETIME NOT NULL, note TEXT
);
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
INSERT INTO contracts
SELECT numbers.n,
    printf('BL-%06d', numbers.n),
    1 + (numbers.n * 7919) % 20000,
    b.id,
    CASE numbers.n % 10 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'ended' WHEN 2 THEN 'ended' ELSE 'active' END,
    date('2021-01-01', '+' || (numbers.n * 13 % 1826) || ' days'),
    CASE WHEN numbers.n % 10 = 0 THEN NULL ELSE date('2021-01-01', '+' || (numbers.n * 13 % 1826) || ' days', '+3 years', '-1 day') END,
    printf('%d.%02d', b.price_cents / 100, b.price_cents % 100),
    printf('%d.%02d', b.price_cents / 4000, (b.price_cents / 40) % 100),
    datetime('2020-12-20', '+' || (numbers.n * 13 % 1826) || ' days', '+' || (28800 + numbers.n % 36000) || ' seconds'),
    CASE numbers.n % 9 WHEN 0 THEN 'Übergabe: Mo–Fr, 9–17 Uhr' WHEN 1 THEN '' WHEN 2 THEN 'Rahmen "L", Farbe; grün' ELSE NULL END
FROM numbers JOIN bikes AS b ON b.id = 1 + numbers.n % 7;
CREATE INDEX contracts_of_employee ON contracts (employee_id);

CREATE TABLE instalments (
    contract_id INTEGER NOT NULL REFERENCES contracts, number INTEGER NOT NULL, due_on DATE NOT NULL, amount TEXT NOT NULL, paid_on DATE,
    PRIMARY KEY (contract_id, number)
) WITHOUT ROWID;
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 12)
INSERT INTO instalments
SELECT c.id, numbers.n, date(c.starts_on, '+' || (numbers.n - 1) || ' months'), c.monthly_rate,
    CASE WHEN (c.id + numbers.n) % 11 = 0 THEN NULL ELSE date(c.starts_on, '+' || (numbers.n - 1) || ' months', '+3 days') END
FROM contracts AS c CROSS JOIN numbers;
