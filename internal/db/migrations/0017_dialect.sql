-- +goose Up
-- Whose wire an endpoint is told in, '' for our own, and the word of that wire for what a
-- delivery tells. One event may be told under several words, each a delivery.
alter table endpoint add column dialect text not null default '';
alter table outbox add column topic text not null default '';
drop index outbox_event_ux;
create unique index outbox_event_ux on outbox (account_id, endpoint_id, event_id, topic);
