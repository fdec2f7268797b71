-- +goose Up
-- Taxes by place and date, and what sending costs. A profile's rules are replaced as
-- a set, so they hang on the profile's version and have none of their own.

create table tax_profile (
  account_id {int} not null,
  id {int} not null,
  name text not null,
  kind text not null,
  inclusive {bool} not null,
  shipping_taxed {bool} not null,
  seller_country text not null,
  seller_region text not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint tax_profile_pk primary key (account_id, id),
  constraint tax_profile_account_fk foreign key (account_id) references account (id)
){strict};

create table tax_rule (
  account_id {int} not null,
  profile_id {int} not null,
  id {int} not null,
  name text not null,
  country text not null,
  region text not null,
  postal_code text not null,
  rate text not null,
  from_at {int},
  to_at {int},
  created_at {int} not null,
  constraint tax_rule_pk primary key (account_id, profile_id, id),
  constraint tax_rule_profile_fk foreign key (account_id, profile_id) references tax_profile (account_id, id),
  constraint tax_rule_time_ck check (to_at is null or from_at is null or from_at < to_at)
){rowless};

create table shipping_rule (
  account_id {int} not null,
  id {int} not null,
  name text not null,
  kind text not null,
  amount {int} not null,
  currency text not null,
  country text not null,
  region text not null,
  postal_code text not null,
  least {int} not null,
  most {int} not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint shipping_rule_pk primary key (account_id, id),
  constraint shipping_rule_account_fk foreign key (account_id) references account (id),
  constraint shipping_rule_amount_ck check (amount >= 0 and least >= 0 and most >= 0)
){strict};
create index shipping_rule_state_ix on shipping_rule (account_id, state, id);
