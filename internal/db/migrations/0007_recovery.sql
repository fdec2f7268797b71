-- +goose Up
-- Recovery of failed payments: policies, cases, secure links, and what the customer is
-- told before there is trouble.

create table recovery_policy (
  account_id {int} not null,
  id {int} not null,
  name text not null,
  terms text not null,
  archived {bool} not null,
  created_at {int} not null,
  version {int} not null,
  constraint recovery_policy_pk primary key (account_id, id),
  constraint recovery_policy_account_fk foreign key (account_id) references account (id)
){strict};

alter table campaign add column recovery_policy_id {int};

-- One row for each unpaid renewal: the board and the results read it, never the payments.
create table recovery_case (
  account_id {int} not null,
  id {int} not null,
  invoice_id {int} not null,
  subscription_id {int} not null,
  customer_id {int} not null,
  product_id {int} not null,
  campaign_id {int} not null,
  policy_id {int},
  state text not null,
  amount {int} not null,
  currency text not null,
  first_code text not null,
  code text not null,
  class text not null,
  method_id {int},
  attempts {int} not null,
  step {int} not null,
  steps {int} not null,
  next_at {int},
  next_step text not null,
  why text not null,
  access text not null,
  opened_at {int} not null,
  closed_at {int},
  closed_month text not null,
  recovered_by text not null,
  version {int} not null,
  constraint recovery_case_pk primary key (account_id, id)
){strict};
create unique index recovery_case_invoice_ux on recovery_case (account_id, invoice_id);
create index recovery_case_state_ix on recovery_case (account_id, state, id);
create index recovery_case_customer_ix on recovery_case (account_id, customer_id, id);
create index recovery_case_closed_ix on recovery_case (account_id, closed_at) where closed_at is not null;

create table link (
  hash text not null,
  id {int} not null,
  account_id {int} not null,
  purpose text not null,
  customer_id {int} not null,
  subject_id {int} not null,
  expires_at {int} not null,
  used_at {int},
  replaced_at {int},
  created_at {int} not null,
  constraint link_pk primary key (hash)
){strict};
create index link_account_ix on link (account_id, id);
create index link_subject_ix on link (account_id, purpose, subject_id) where used_at is null and replaced_at is null;
create index link_customer_ix on link (account_id, customer_id, created_at);

-- The declines of a payment method, which card networks count.
create index payment_declined_ix on payment (account_id, method_id, settled_at) where state = 'declined';

-- notice_at is when the customer is told next of what is to come. remind_days and
-- remind_yearly are what the policy said when the present period began.
alter table subscription add column remind_days {int} not null default 0;
alter table subscription add column remind_yearly {bool} not null default {false};
alter table subscription add column notice_at {int};
create index subscription_notice_ix on subscription (account_id, notice_at, id) where notice_at is not null;

create index payment_method_fingerprint_ix on payment_method (account_id, fingerprint) where fingerprint <> '';
alter table payment_method add column notice_at {int};
create index payment_method_notice_ix on payment_method (account_id, notice_at, id) where notice_at is not null;

-- What was told before its time. One row for each (kind, subject, occasion), so that
-- nothing is told twice.
create table notice_given (
  account_id {int} not null,
  kind text not null,
  subject_id {int} not null,
  occasion {int} not null,
  at {int} not null,
  id {int} not null,
  constraint notice_given_pk primary key (account_id, kind, subject_id, occasion)
){rowless};
