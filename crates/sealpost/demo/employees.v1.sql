SELECT e.id, e.last_name, e.first_name, e.email, e.cost_centre, e.born_on, count(*) AS contracts
FROM employees AS e
JOIN contracts AS c ON c.employee_id = e.id
WHERE e.partner_id = :partner_scope
GROUP BY e.id
ORDER BY e.id
