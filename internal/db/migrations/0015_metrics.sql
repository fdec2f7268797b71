-- +goose Up
-- What subscriptions bring by the month, and the sums that are kept of it.

-- In which zone and currency an account is measured, and how often facts were written.
-- complete says that what was sold before it was measured has its facts, too.
create table metric_state (
  account_id {int} not null,
  seq {int} not null,
  zone text not null,
  currency text not null,
  complete {bool} not null,
  constraint metric_state_pk primary key (account_id)
){rowless};

-- What a measured subscription is bought as: each combination once.
create table metric_terms (
  account_id {int} not null,
  id {int} not null,
  plan_id {int} not null,
  pushed {bool} not null,
  campaign_id {int} not null,
  coupon_id {int} not null,
  every text not null,
  currency text not null,
  constraint metric_terms_pk primary key (account_id, id)
){rowless};
create unique index metric_terms_ux on metric_terms (account_id, plan_id, campaign_id, coupon_id, every, currency);

-- From an instant on a subscription brings so much. Rows are never changed; those of one
-- customer stand together, because they are read together.
create table metric_fact (
  account_id {int} not null,
  customer_id {int} not null,
  at {int} not null,
  id {int} not null,
  seq {int} not null,
  subject_id {int} not null,
  cause {int} not null,
  flags {int} not null,
  terms_id {int} not null,
  value {int} not null,
  lasting {int} not null,
  rate {int} not null,
  voids {int} not null,
  constraint metric_fact_pk primary key (account_id, customer_id, at, id)
){rowless};

-- Who is measured, the write that last changed it, and what they can be told apart by.
create table metric_customer (
  account_id {int} not null,
  customer_id {int} not null,
  seq {int} not null,
  attributes text not null,
  constraint metric_customer_pk primary key (account_id, customer_id)
){rowless};
create index metric_customer_seq_ix on metric_customer (account_id, seq, customer_id);

-- Sums of movements: of a day or a month, for the company, a plan or a cohort. Each kind
-- has an amount in the currency of the account and a number of customers.
create table metric_rollup (
  account_id {int} not null,
  grain {int} not null,
  scope {int} not null,
  of_id {int} not null,
  period {int} not null,
  new_amount {int} not null,
  new_count {int} not null,
  reactivated_amount {int} not null,
  reactivated_count {int} not null,
  upgraded_amount {int} not null,
  upgraded_count {int} not null,
  downgraded_amount {int} not null,
  downgraded_count {int} not null,
  churned_voluntary_amount {int} not null,
  churned_voluntary_count {int} not null,
  churned_delinquent_amount {int} not null,
  churned_delinquent_count {int} not null,
  plan_changed_amount {int} not null,
  plan_changed_count {int} not null,
  future_churn_amount {int} not null,
  future_churn_count {int} not null,
  trials_started_amount {int} not null,
  trials_started_count {int} not null,
  trials_converted_amount {int} not null,
  trials_converted_count {int} not null,
  trials_lost_amount {int} not null,
  trials_lost_count {int} not null,
  trial_seconds_amount {int} not null,
  trial_seconds_count {int} not null,
  constraint metric_rollup_pk primary key (account_id, grain, scope, of_id, period)
){rowless};

-- Plans, users and subscriptions that are measured here and billed elsewhere.
create table metric_plan (
  account_id {int} not null,
  id {int} not null,
  code text not null,
  name text not null,
  listed {bool} not null,
  created_at {int} not null,
  version {int} not null,
  constraint metric_plan_pk primary key (account_id, id)
){strict};
create unique index metric_plan_code_ux on metric_plan (account_id, code);

create table metric_user (
  account_id {int} not null,
  id {int} not null,
  alias text not null,
  email text not null,
  name text not null,
  excluded {bool} not null,
  created_at {int} not null,
  updated_at {int} not null,
  version {int} not null,
  constraint metric_user_pk primary key (account_id, id)
){strict};
create unique index metric_user_alias_ux on metric_user (account_id, alias) where alias <> '';
create index metric_user_email_ix on metric_user (account_id, email);
create index metric_user_updated_ix on metric_user (account_id, updated_at, id);

create table metric_subscription (
  account_id {int} not null,
  id {int} not null,
  user_id {int} not null,
  alias text not null,
  email text not null,
  provider text not null,
  created_at {int} not null,
  constraint metric_subscription_pk primary key (account_id, id),
  constraint metric_subscription_user_fk foreign key (account_id, user_id) references metric_user (account_id, id)
){strict};
create unique index metric_subscription_alias_ux on metric_subscription (account_id, alias) where alias <> '';
create index metric_subscription_user_ix on metric_subscription (account_id, user_id, id);

-- What was there before it was measured gets its facts by the housekeeping.
insert into metric_state (account_id, seq, zone, currency, complete)
  select id, 0, zone, currency, {false} from account;
