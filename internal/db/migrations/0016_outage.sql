-- +goose Up
-- Since when a gateway account has done nothing but fail, and whether that was told.
alter table gateway_account add column failing_since {int};
alter table gateway_account add column outage {bool} not null default {false};
