-- +goose Up
-- What a merchant's site shows of ours in a frame, found by the public code that is pasted
-- there. plans and sites are lists separated by spaces; no plans means all.
create table widget (
  code text not null,
  id {int} not null,
  account_id {int} not null,
  name text not null,
  plans text not null,
  sites text not null,
  created_at {int} not null,
  constraint widget_pk primary key (code)
){strict};
create index widget_account_ix on widget (account_id, id);
