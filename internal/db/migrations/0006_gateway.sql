-- +goose Up
-- Merchants' accounts at gateways, what the gateways tell, and what they take back.

create table gateway_account (
  account_id {int} not null,
  id {int} not null,
  kind text not null,
  name text not null,
  state text not null,
  settings text not null,
  secret text not null,
  is_default {bool} not null,
  notice_cursor text not null,
  poll_at {int},
  reconcile_at {int},
  last_notice_at {int},
  last_error text not null,
  last_error_at {int},
  created_at {int} not null,
  version {int} not null,
  constraint gateway_account_pk primary key (account_id, id),
  constraint gateway_account_account_fk foreign key (account_id) references account (id)
){strict};
create unique index gateway_account_default_ux on gateway_account (account_id) where is_default;
create index gateway_account_poll_ix on gateway_account (account_id, poll_at) where poll_at is not null;

-- Whose gateway account an incoming webhook is for: the address names nothing else.
create table gateway_address (
  gateway_id {int} not null,
  account_id {int} not null,
  constraint gateway_address_pk primary key (gateway_id)
){rowless};

-- What gateways told, each once: gateway_notice_ux. It is due while next_at is set.
create table gateway_notice (
  account_id {int} not null,
  id {int} not null,
  gateway text not null,
  notice_id text not null,
  kind text not null,
  type text not null,
  key text not null,
  reference text not null,
  body text not null,
  happened_at {int} not null,
  received_at {int} not null,
  state text not null,
  tries {int} not null,
  next_at {int},
  failure text not null,
  constraint gateway_notice_pk primary key (account_id, id),
  constraint gateway_notice_account_fk foreign key (account_id) references account (id)
){strict};
create unique index gateway_notice_ux on gateway_notice (account_id, gateway, notice_id);
create index gateway_notice_due_ix on gateway_notice (account_id, next_at, id) where next_at is not null;

create index gateway_notice_old_ix on gateway_notice (account_id, received_at) where state = 'done';

-- When a gateway that lives on the account's clock will have something to tell.
create table gateway_news (
  account_id {int} not null,
  at {int} not null,
  constraint gateway_news_pk primary key (account_id, at)
){rowless};

create table dispute (
  account_id {int} not null,
  id {int} not null,
  payment_id {int} not null,
  invoice_id {int} not null,
  customer_id {int} not null,
  gateway text not null,
  reference text not null,
  amount {int} not null,
  currency text not null,
  reason text not null,
  state text not null,
  booked text not null,
  evidence_by {int},
  opened_at {int} not null,
  closed_at {int},
  version {int} not null,
  constraint dispute_pk primary key (account_id, id),
  constraint dispute_account_fk foreign key (account_id) references account (id),
  constraint dispute_amount_ck check (amount > 0)
){strict};
create unique index dispute_reference_ux on dispute (account_id, gateway, reference);
create index dispute_payment_ix on dispute (account_id, payment_id, id);

alter table payment add column waits text not null default '';
alter table payment add column trouble text not null default '';
create index payment_waits_ix on payment (account_id, id) where waits <> '';
create index payment_reference_ix on payment (account_id, gateway, gateway_ref) where gateway_ref <> '';

alter table refund add column waits text not null default '';
alter table refund add column asked_by text not null default '';
create index refund_asked_ix on refund (account_id, asked_by, created_at);

alter table payment_method add column fingerprint text not null default '';
alter table payment_method add column country text not null default '';
create index payment_method_token_ix on payment_method (account_id, gateway, token);

alter table campaign add column gateway_id {int} not null default 0;

-- What the sandbox gateway will do by itself: settle a debit, raise and end a dispute,
-- renew a card.
create table sandbox_news (
  account_id {int} not null,
  at {int} not null,
  id {int} not null,
  kind text not null,
  subject text not null,
  happened {bool} not null,
  constraint sandbox_news_pk primary key (account_id, at, id)
){rowless};
create index sandbox_news_subject_ix on sandbox_news (account_id, subject);
create index sandbox_news_due_ix on sandbox_news (account_id, at, id) where not happened;
