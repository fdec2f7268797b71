-- +goose Up
-- What other systems push to be measured, as they said it, and when measured customers changed.

-- What the whole interval of a pushed fact costs, in minor units of the currency of its terms.
create table metric_push (
  account_id {int} not null,
  fact_id {int} not null,
  value {int} not null,
  constraint metric_push_pk primary key (account_id, fact_id)
){rowless};

-- Who gets no interventions of a kind, and since when.
create table metric_stop (
  account_id {int} not null,
  kind text not null,
  customer_id {int} not null,
  at {int} not null,
  forever {bool} not null,
  constraint metric_stop_pk primary key (account_id, kind, customer_id)
){strict};
create index metric_stop_at_ix on metric_stop (account_id, kind, at, customer_id);

-- The words of each category of traits, so that there are not too many.
create table metric_word (
  account_id {int} not null,
  category text not null,
  word text not null,
  constraint metric_word_pk primary key (account_id, category, word)
){strict};

alter table metric_customer add column updated_at {int} not null default 0;
update metric_customer set updated_at = (select coalesce(max(f.at), 0) from metric_fact f where f.account_id = metric_customer.account_id and f.customer_id = metric_customer.customer_id);
create index metric_customer_updated_ix on metric_customer (account_id, updated_at, customer_id);

-- What the pushing system calls its users and subscriptions, named as that of its plans.
alter table metric_user rename column alias to code;
alter table metric_subscription rename column alias to code;
