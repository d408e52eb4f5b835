SELECT c.contract_no, i.number, i.due_on, i.amount, i.paid_on
FROM instalments AS i
JOIN contracts AS c ON c.id = i.contract_id
JOIN employees AS e ON e.id = c.employee_id
WHERE e.partner_id = :partner_scope
  AND i.due_on >= :from
  AND i.due_on < :to
ORDER BY c.contract_no, i.number
