-- +goose Up
-- Every way a subscription is priced, changed, paused, credited and ended. What few
-- rows have stands as JSON in one column of its noun ('' means nothing special), so
-- that a plain subscription costs nothing more.

alter table account add column settings text not null default '';

alter table product add column settings text not null default '';

alter table price add column terms text not null default '';

alter table customer add column region text not null default '';
alter table customer add column postal_code text not null default '';
alter table customer add column shipping text not null default '';
alter table customer add column ip_country text not null default '';
alter table customer add column tax_exempt text not null default '';
alter table customer add column tax_id_state text not null default '';
alter table customer add column tax_id_checked_at {int};

-- by_hand: somebody asked for the charge; it is no try of the schedule, also when its
-- outcome is only found out later.
alter table payment add column by_hand {bool} not null default {false};

-- base is the number of the period that begins at the anchor: an anchor can move, and
-- periods are numbered on.
alter table subscription add column base {int} not null default 0;
alter table subscription add column anchor_day {int} not null default 0;
alter table subscription add column end_period {int};
alter table subscription add column resume_at {int};
alter table subscription add column tax_profile_id {int};
alter table subscription add column change_id {int};
alter table subscription add column extras text not null default '';

alter table orders add column terms text not null default '';

-- One invoice a (subscription, period, reason, part), whatever crashes. Part is 0 but
-- for what can happen several times in a period.
alter table invoice add column part {int} not null default 0;
alter table invoice add column credit_used {int} not null default 0;
alter table invoice add column reduced {int} not null default 0;
alter table invoice add column credited {int} not null default 0;
alter table invoice add column uncollectible_at {int};
alter table invoice add column notes text not null default '';
drop index invoice_period_ux;
create unique index invoice_period_ux on invoice (account_id, subscription_id, period, reason, part) where subscription_id is not null;

alter table invoice_line add column discount {int} not null default 0;
alter table invoice_line add column tax_name text not null default '';
alter table invoice_line add column details text not null default '';

create table credit_note (
  account_id {int} not null,
  id {int} not null,
  invoice_id {int} not null,
  customer_id {int} not null,
  series text not null,
  number {int} not null,
  reason text not null,
  note text not null,
  currency text not null,
  net {int} not null,
  tax {int} not null,
  total {int} not null,
  to_refund {int} not null,
  to_balance {int} not null,
  to_owed {int} not null,
  refund_id {int},
  seller_profile {int} not null,
  buyer_version {int} not null,
  created_at {int} not null,
  constraint credit_note_pk primary key (account_id, id),
  constraint credit_note_total_ck check (net + tax = total and total > 0),
  constraint credit_note_to_ck check (to_refund + to_balance + to_owed = total and to_refund >= 0 and to_balance >= 0 and to_owed >= 0)
){strict};
create unique index credit_note_number_ux on credit_note (account_id, series, number);
create index credit_note_invoice_ix on credit_note (account_id, invoice_id, id);
create index credit_note_customer_ix on credit_note (account_id, customer_id, id);
create unique index credit_note_refund_ux on credit_note (account_id, refund_id) where refund_id is not null;

create table credit_note_line (
  account_id {int} not null,
  credit_note_id {int} not null,
  position {int} not null,
  invoice_id {int} not null,
  line {int} not null,
  description text not null,
  amount {int} not null,
  tax_rate text not null,
  tax_name text not null,
  tax {int} not null,
  details text not null,
  constraint credit_note_line_pk primary key (account_id, credit_note_id, position)
){rowless};
create index credit_note_line_invoice_ix on credit_note_line (account_id, invoice_id, line);

-- Amounts that wait for the next invoice of a subscription.
create table invoice_item (
  account_id {int} not null,
  id {int} not null,
  customer_id {int} not null,
  subscription_id {int} not null,
  kind text not null,
  description text not null,
  price_id {int},
  quantity {int} not null,
  amount {int} not null,
  currency text not null,
  period_from {int},
  period_to {int},
  details text not null,
  invoice_id {int},
  created_at {int} not null,
  constraint invoice_item_pk primary key (account_id, id)
){strict};
create index invoice_item_invoice_ix on invoice_item (account_id, invoice_id, id) where invoice_id is not null;
create index invoice_item_waiting_ix on invoice_item (account_id, subscription_id, id) where invoice_id is null;

create table subscription_change (
  account_id {int} not null,
  id {int} not null,
  subscription_id {int} not null,
  customer_id {int} not null,
  state text not null,
  at {int} not null,
  price_id {int} not null,
  quantity {int} not null,
  plan text not null,
  invoice_id {int},
  failure text not null,
  created_at {int} not null,
  settled_at {int},
  version {int} not null,
  constraint subscription_change_pk primary key (account_id, id)
){strict};
create index subscription_change_subscription_ix on subscription_change (account_id, subscription_id, id);

-- What one unit of the account's own currency was worth in another from an instant on.
create table exchange_rate (
  account_id {int} not null,
  currency text not null,
  from_at {int} not null,
  rate text not null,
  constraint exchange_rate_pk primary key (account_id, currency, from_at),
  constraint exchange_rate_account_fk foreign key (account_id) references account (id)
){rowless};
