SELECT
    c.contract_no,
    p.id AS partner,
    e.last_name,
    e.first_name,
    e.cost_centre,
    b.model AS bike,
    c.status,
    c.starts_on,
    c.ends_on,
    c.gross_price,
    c.monthly_rate,
    c.signed_at,
    c.note
FROM contracts AS c
JOIN employees AS e ON e.id = c.employee_id
JOIN partners AS p ON p.id = e.partner_id
JOIN bikes AS b ON b.id = c.bike_id
WHERE p.id = :partner_scope
  AND c.starts_on >= :from
  AND c.starts_on < :to
  AND c.status IN (:status)
ORDER BY c.contract_no
