-- +goose Up
-- How an account mails where it says so: which mails are off, who gets copies, where
-- the team is reached. JSON.
create table mail_setting (
  account_id {int} not null,
  data text not null,
  version {int} not null,
  constraint mail_setting_pk primary key (account_id),
  constraint mail_setting_account_fk foreign key (account_id) references account (id)
){strict};

-- The look of mails: of the account (campaign 0), and what campaigns have otherwise. JSON.
create table mail_brand (
  account_id {int} not null,
  campaign_id {int} not null,
  data text not null,
  version {int} not null,
  constraint mail_brand_pk primary key (account_id, campaign_id),
  constraint mail_brand_account_fk foreign key (account_id) references account (id)
){rowless};

-- The merchant's own texts, for all campaigns (0) or one, in one language.
create table mail_text (
  account_id {int} not null,
  kind text not null,
  campaign_id {int} not null,
  language text not null,
  subject text not null,
  preheader text not null,
  body text not null,
  updated_at {int} not null,
  version {int} not null,
  constraint mail_text_pk primary key (account_id, kind, campaign_id, language),
  constraint mail_text_account_fk foreign key (account_id) references account (id)
){rowless};

-- Addresses that are not written to any more.
create table mail_suppression (
  account_id {int} not null,
  id {int} not null,
  address text not null,
  reason text not null,
  since {int} not null,
  constraint mail_suppression_pk primary key (account_id, id),
  constraint mail_suppression_reason_ck check (reason in ('bounce', 'complaint', 'manual'))
){strict};
create unique index mail_suppression_address_ux on mail_suppression (account_id, address);

-- Customers who get only what must be sent.
create table mail_choice (
  account_id {int} not null,
  customer_id {int} not null,
  since {int} not null,
  constraint mail_choice_pk primary key (account_id, customer_id)
){rowless};

-- What was written to whom: one row a delivery of the built-in endpoint, under its id.
-- The message itself is the body of the delivery.
create table mail (
  account_id {int} not null,
  id {int} not null,
  event_id {int} not null,
  kind text not null,
  customer_id {int},
  recipient text not null,
  subject text not null,
  language text not null,
  at {int} not null,
  constraint mail_pk primary key (account_id, id)
){strict};
create index mail_customer_ix on mail (account_id, customer_id, id) where customer_id is not null;

-- The built-in endpoint of every account, under the account's own number. Which events
-- it wants is brought up to date when the server starts.
insert into endpoint (account_id, id, kind, address, secret, old_secret, old_secret_until, events, state, failing_since, failure, created_at, version)
select id, id, 'mail', '', '', '', null, 'subscription.created invoice.paid', 'enabled', null, '', created_at, 1 from account;
