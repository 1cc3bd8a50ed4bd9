-- A pair: what a check must write, then what the update that settles it must write.
\set customer random(1, :customers)
BEGIN;
SELECT entry_count, check_count, last_digest, last_at FROM head WHERE customer_id = :customer FOR UPDATE;
INSERT INTO limit_check (customer_id, number, processor_id, ref_id, account, at, month, amount_paise, answer, digest)
    SELECT customer_id, check_count + 1, 1, 'BC' || check_count, '607712345678', now(), 202611, 100,
        repeat('a', 150), decode(md5('1') || md5('2'), 'hex')
    FROM head WHERE customer_id = :customer
    RETURNING id AS check_id \gset
INSERT INTO hold VALUES (:check_id, :customer, 202611, 100, now() + interval '15 minutes');
UPDATE head SET check_count = check_count + 1, last_at = now() WHERE customer_id = :customer;
COMMIT;
BEGIN;
SELECT entry_count, check_count, last_digest, last_at FROM head WHERE customer_id = :customer FOR UPDATE;
INSERT INTO entry (customer_id, number, processor_id, check_id, ref_id, tran_id, at, month, amount_paise, digest)
    SELECT customer_id, entry_count + 1, 1, :check_id, 'BU' || entry_count, 'T' || :check_id, now(), 202611, 100,
        decode(md5('1') || md5('2'), 'hex')
    FROM head WHERE customer_id = :customer;
DELETE FROM hold WHERE check_id = :check_id;
INSERT INTO monthly_usage VALUES (:customer, 202611, 100, 0) ON CONFLICT (customer_id, month)
    DO UPDATE SET debit_paise = monthly_usage.debit_paise + EXCLUDED.debit_paise;
UPDATE head SET entry_count = entry_count + 1, last_at = now(), last_digest = decode(md5('1') || md5('2'), 'hex')
    WHERE customer_id = :customer;
COMMIT;
