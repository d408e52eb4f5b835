SELECT
    c.status,
    COUNT(*) AS contracts
FROM contracts AS c
WHERE c.partner_id = :partner_scope
GROUP BY c.status
ORDER BY c.status
