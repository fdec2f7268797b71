-- +goose Up
-- Keys that unlock what was bought, and who began to buy.

create table license (
  account_id {int} not null,
  id {int} not null,
  license_key text not null,
  customer_id {int} not null,
  product_id {int} not null,
  campaign_id {int} not null,
  order_id {int} not null,
  subscription_id {int},
  enabled {bool} not null,
  guid text not null,
  activated_at {int},
  created_at {int} not null,
  version {int} not null,
  constraint license_pk primary key (account_id, id),
  constraint license_customer_fk foreign key (account_id, customer_id) references customer (account_id, id)
){strict};
create unique index license_key_ux on license (account_id, license_key);
create index license_customer_ix on license (account_id, customer_id, id);
create index license_order_ix on license (account_id, order_id, id);

-- Keys that a merchant uploaded to be issued.
create table license_pool (
  account_id {int} not null,
  product_id {int} not null,
  license_key text not null,
  position {int} not null,
  issued {bool} not null,
  constraint license_pool_pk primary key (account_id, product_id, license_key)
){rowless};
create index license_pool_free_ix on license_pool (account_id, product_id, position) where not issued;

-- Somebody who began to buy and gave their address.
create table lead (
  account_id {int} not null,
  id {int} not null,
  email text not null,
  name text not null,
  campaign_id {int} not null,
  product_id {int} not null,
  price_id {int} not null,
  affiliate_id {int} not null,
  tracking_id text not null,
  state text not null,
  looks {int} not null,
  started_at {int} not null,
  seen_at {int} not null,
  confirmed_at {int},
  bought_at {int},
  order_id {int} not null,
  version {int} not null,
  constraint lead_pk primary key (account_id, id),
  constraint lead_account_fk foreign key (account_id) references account (id),
  constraint lead_state_ck check (state in ('open', 'bought', 'abandoned'))
){strict};
create unique index lead_open_ux on lead (account_id, email, campaign_id) where state = 'open';
create index lead_email_ix on lead (account_id, email, id);
create index lead_state_ix on lead (account_id, state, seen_at, id);
