-- +goose Up
-- What people bill, collect and give back by hand.

-- The method that an invoice without a subscription is charged with; null: the customer's
-- newest usable one.
alter table invoice add column method_id {int};

-- Of a refund that was given in another way: no gateway is asked for it.
alter table refund add column recorded {bool} not null default {false};
