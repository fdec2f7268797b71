-- +goose Up
-- Refunds of which nobody can say what became of them, for the people who look.
create index refund_waits_ix on refund (account_id, id) where waits <> '';
