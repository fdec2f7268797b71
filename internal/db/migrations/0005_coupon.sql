-- +goose Up
-- Coupons and what a customer has in credit. Both are counted down by several buyers
-- at once: the limits stand in the conditions of updates and in unique keys.

create table coupon (
  account_id {int} not null,
  id {int} not null,
  code text not null,
  name text not null,
  kind text not null,
  percent text not null,
  amount {int} not null,
  currency text not null,
  applies_to text not null,
  cycles {int} not null,
  starts_on text not null,
  ends_on text not null,
  max_redemptions {int} not null,
  max_per_customer {int} not null,
  products text not null,
  stackable {bool} not null,
  include_setup {bool} not null,
  state text not null,
  redeemed {int} not null,
  created_at {int} not null,
  version {int} not null,
  constraint coupon_pk primary key (account_id, id),
  constraint coupon_account_fk foreign key (account_id) references account (id),
  constraint coupon_kind_ck check (kind in ('percent', 'amount')),
  constraint coupon_amount_ck check (amount >= 0),
  constraint coupon_redeemed_ck check (redeemed >= 0)
){strict};
create unique index coupon_code_ux on coupon (account_id, code);

-- How often each customer redeemed a coupon.
create table coupon_customer (
  account_id {int} not null,
  coupon_id {int} not null,
  customer_id {int} not null,
  uses {int} not null,
  constraint coupon_customer_pk primary key (account_id, coupon_id, customer_id),
  constraint coupon_customer_coupon_fk foreign key (account_id, coupon_id) references coupon (account_id, id),
  constraint coupon_customer_uses_ck check (uses >= 0)
){rowless};

create table coupon_redemption (
  account_id {int} not null,
  id {int} not null,
  coupon_id {int} not null,
  customer_id {int} not null,
  order_id {int},
  subscription_id {int},
  state text not null,
  at {int} not null,
  returned_at {int},
  constraint coupon_redemption_pk primary key (account_id, id),
  constraint coupon_redemption_coupon_fk foreign key (account_id, coupon_id) references coupon (account_id, id),
  constraint coupon_redemption_sale_ck check (order_id is not null or subscription_id is not null),
  constraint coupon_redemption_state_ck check (state = 'redeemed' and returned_at is null or state = 'returned' and returned_at is not null)
){strict};
create index coupon_redemption_coupon_ix on coupon_redemption (account_id, coupon_id, id);
create index coupon_redemption_order_ix on coupon_redemption (account_id, order_id, id) where order_id is not null;
-- An order redeems a coupon once; what was given back may be redeemed anew.
create unique index coupon_redemption_once_ux on coupon_redemption (account_id, order_id, coupon_id) where order_id is not null and state = 'redeemed';

create table credit_balance (
  account_id {int} not null,
  customer_id {int} not null,
  currency text not null,
  id {int} not null,
  minor {int} not null,
  version {int} not null,
  constraint credit_balance_pk primary key (account_id, customer_id, currency),
  constraint credit_balance_account_fk foreign key (account_id) references account (id),
  constraint credit_balance_minor_ck check (minor >= 0)
){rowless};
create unique index credit_balance_id_ux on credit_balance (account_id, id);

create table credit_entry (
  account_id {int} not null,
  id {int} not null,
  customer_id {int} not null,
  currency text not null,
  amount {int} not null,
  balance_after {int} not null,
  reason text not null,
  invoice_id {int},
  credit_note_id {int},
  note text not null,
  at {int} not null,
  constraint credit_entry_pk primary key (account_id, id),
  constraint credit_entry_amount_ck check (amount <> 0),
  constraint credit_entry_balance_ck check (balance_after >= 0)
){strict};
create index credit_entry_customer_ix on credit_entry (account_id, customer_id, id);
