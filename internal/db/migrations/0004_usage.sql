-- +goose Up
-- What customers use. Units are millionths; counters are kept when usage is recorded,
-- so that an invoice never reads records.

create table meter (
  account_id {int} not null,
  id {int} not null,
  code text not null,
  name text not null,
  unit text not null,
  aggregation text not null,
  grace {int} not null,
  late text not null,
  prepaid {bool} not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint meter_pk primary key (account_id, id),
  constraint meter_account_fk foreign key (account_id) references account (id),
  constraint meter_prepaid_ck check (aggregation = 'sum' or not prepaid)
){strict};
create unique index meter_code_ux on meter (account_id, code);

-- Senders choose keys at random. The day before the key keeps new rows together, and a
-- subscription's usage is found without a second index.
create table usage_record (
  account_id {int} not null,
  day {int} not null,
  subscription_id {int} not null,
  key text not null,
  meter_id {int} not null,
  at {int} not null,
  units {int} not null,
  value text not null default '',
  note text not null default '',
  period {int} not null,
  outcome text not null default 'counted',
  why text not null default '',
  received_at {int} not null,
  constraint usage_record_pk primary key (account_id, day, subscription_id, key)
){rowless};

create table usage_counter (
  account_id {int} not null,
  subscription_id {int} not null,
  meter_id {int} not null,
  period {int} not null,
  aggregation text not null,
  value {int} not null,
  events {int} not null,
  last_at {int},
  closed_at {int},
  constraint usage_counter_pk primary key (account_id, subscription_id, meter_id, period)
){rowless};
create index usage_counter_open_ix on usage_counter (account_id, subscription_id, meter_id, period) where closed_at is null;

create table usage_distinct (
  account_id {int} not null,
  subscription_id {int} not null,
  meter_id {int} not null,
  period {int} not null,
  value text not null,
  constraint usage_distinct_pk primary key (account_id, subscription_id, meter_id, period, value)
){rowless};

create table prepaid (
  account_id {int} not null,
  customer_id {int} not null,
  meter_id {int} not null,
  balance {int} not null,
  changed_at {int} not null,
  top_up_at {int},
  top_up_price_id {int},
  top_up_currency text,
  top_up_due_at {int},
  top_ups {int} not null,
  version {int} not null,
  constraint prepaid_pk primary key (account_id, customer_id, meter_id)
){rowless};
create index prepaid_due_ix on prepaid (account_id, top_up_due_at, customer_id, meter_id) where top_up_due_at is not null;
