-- Every report must use :partner_scope: Sealpost binds it to the partner's own scope, and nobody else can.
SELECT
    c.contract_no,
    e.last_name,
    e.first_name,
    c.starts_on,
    c.ends_on,
    c.status,
    c.monthly_rate
FROM contracts AS c
JOIN employees AS e ON e.id = c.employee_id
WHERE c.partner_id = :partner_scope
  AND c.starts_on >= :from
  AND c.starts_on < :to
  AND (:status IS NULL OR c.status = :status)
ORDER BY c.contract_no
