-- +goose Up
-- What clients of other systems need: numbers for our things, keys of their doors, and
-- facts of customers that had no home.

-- A small number that stands for one of our things in a dialect that knows only numbers.
-- name is our spelling of it. Numbers are given in the order of creation and never again.
create table alias_number (
  account_id {int} not null,
  dialect text not null,
  kind text not null,
  number {int} not null,
  name text not null,
  constraint alias_number_pk primary key (account_id, dialect, kind, number),
  constraint alias_number_positive_ck check (number > 0)
){rowless};
create unique index alias_number_name_ux on alias_number (account_id, dialect, kind, name);

-- The last number that was given, and up to which of our ids all have one.
create table alias_last (
  account_id {int} not null,
  dialect text not null,
  kind text not null,
  last {int} not null,
  seen {int} not null,
  constraint alias_last_pk primary key (account_id, dialect, kind)
){rowless};

-- The credentials of a door that speaks another system's wire, by the hash of its key.
create table door_key (
  hash text not null,
  id {int} not null,
  account_id {int} not null,
  dialect text not null,
  name text not null,
  hint text not null,
  secret text not null,
  created_at {int} not null,
  revoked_at {int},
  constraint door_key_pk primary key (hash)
){strict};
create index door_key_account_ix on door_key (account_id, id);

alter table customer add column first_name text not null default '';
alter table customer add column last_name text not null default '';
alter table customer add column phone text not null default '';
alter table customer add column city text not null default '';
alter table customer add column source text not null default '';
alter table customer add column updated_at {int};
alter table customer add column deleted_at {int};
drop index customer_email_ux;
create unique index customer_email_ux on customer (account_id, email) where email <> '' and deleted_at is null;

-- A customer's password for the portal: argon2id, or the bcrypt hash that came along.
create table customer_password (
  account_id {int} not null,
  customer_id {int} not null,
  hash text not null,
  set_at {int} not null,
  constraint customer_password_pk primary key (account_id, customer_id)
){rowless};

-- Further addresses of a customer, such as those of people who get something sent.
create table customer_address (
  account_id {int} not null,
  id {int} not null,
  customer_id {int} not null,
  facts text not null,
  created_at {int} not null,
  updated_at {int} not null,
  deleted_at {int},
  version {int} not null,
  constraint customer_address_pk primary key (account_id, id),
  constraint customer_address_customer_fk foreign key (account_id, customer_id) references customer (account_id, id)
){strict};
create index customer_address_customer_ix on customer_address (account_id, customer_id, id);

-- What a merchant asks of every customer, and what they answered: once, or for each of
-- their addresses (0: none of them).
create table question (
  account_id {int} not null,
  id {int} not null,
  name text not null,
  label text not null,
  kind text not null,
  options text not null,
  required {bool} not null,
  position {int} not null,
  archived {bool} not null,
  created_at {int} not null,
  version {int} not null,
  constraint question_pk primary key (account_id, id),
  constraint question_account_fk foreign key (account_id) references account (id)
){strict};
create unique index question_name_ux on question (account_id, name);

create table question_answer (
  account_id {int} not null,
  customer_id {int} not null,
  question_id {int} not null,
  address_id {int} not null,
  answer text not null,
  at {int} not null,
  constraint question_answer_pk primary key (account_id, customer_id, question_id, address_id)
){rowless};

-- A price that takes the place of another belongs to its line: what was sold as one plan
-- stays one, whatever it costs today. 0 begins a line.
alter table price add column line_id {int} not null default 0;
create index price_line_ix on price (account_id, line_id, id) where line_id <> 0;

alter table product add column sku text not null default '';
alter table product add column image text not null default '';
alter table product add column metadata text not null default '';
