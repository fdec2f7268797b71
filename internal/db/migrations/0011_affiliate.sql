-- +goose Up
-- Who brings buyers for a share of what they pay.

create table affiliate (
  account_id {int} not null,
  id {int} not null,
  email text not null,
  code text not null,
  name text not null,
  facts text not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint affiliate_pk primary key (account_id, id),
  constraint affiliate_account_fk foreign key (account_id) references account (id),
  constraint affiliate_state_ck check (state in ('active', 'blocked'))
){strict};
create unique index affiliate_email_ux on affiliate (account_id, email);
create unique index affiliate_code_ux on affiliate (account_id, code);

create table affiliate_program (
  account_id {int} not null,
  campaign_id {int} not null,
  slug text not null,
  landing text not null,
  intro text not null,
  terms text not null,
  is_open {bool} not null,
  created_at {int} not null,
  version {int} not null,
  constraint affiliate_program_pk primary key (account_id, campaign_id),
  constraint affiliate_program_campaign_fk foreign key (account_id, campaign_id) references campaign (account_id, id)
){strict};

-- Whose programme a link is of: the address names nothing else.
create table affiliate_slug (
  slug text not null,
  account_id {int} not null,
  campaign_id {int} not null,
  constraint affiliate_slug_pk primary key (slug)
){rowless};

create table affiliate_membership (
  account_id {int} not null,
  campaign_id {int} not null,
  affiliate_id {int} not null,
  standing text not null,
  recruiter_id {int} not null,
  own text not null,
  asked_at {int} not null,
  decided_at {int},
  version {int} not null,
  constraint affiliate_membership_pk primary key (account_id, campaign_id, affiliate_id),
  constraint affiliate_membership_affiliate_fk foreign key (account_id, affiliate_id) references affiliate (account_id, id),
  constraint affiliate_membership_standing_ck check (standing in ('pending', 'approved', 'declined'))
){strict};
create index affiliate_membership_affiliate_ix on affiliate_membership (account_id, affiliate_id, campaign_id);
create index affiliate_membership_pending_ix on affiliate_membership (account_id, campaign_id, affiliate_id) where standing = 'pending';

create table affiliate_click (
  account_id {int} not null,
  id {int} not null,
  campaign_id {int} not null,
  affiliate_id {int} not null,
  tracking_id text not null,
  landing text not null,
  ip text not null,
  source text not null,
  at {int} not null,
  constraint affiliate_click_pk primary key (account_id, id)
){rowless};
create index affiliate_click_affiliate_ix on affiliate_click (account_id, affiliate_id, id);

-- A sale that an affiliate brought: one an order.
create table referral (
  account_id {int} not null,
  id {int} not null,
  order_id {int} not null,
  subscription_id {int},
  customer_id {int} not null,
  campaign_id {int} not null,
  product_id {int} not null,
  affiliate_id {int} not null,
  recruiter_id {int} not null,
  tracking_id text not null,
  evidence text not null,
  denied text not null,
  promise text not null,
  at {int} not null,
  constraint referral_pk primary key (account_id, id),
  constraint referral_affiliate_fk foreign key (account_id, affiliate_id) references affiliate (account_id, id)
){strict};
create unique index referral_order_ux on referral (account_id, order_id);
create index referral_subscription_ix on referral (account_id, subscription_id) where subscription_id is not null;
create index referral_customer_ix on referral (account_id, customer_id, id);
create index referral_affiliate_ix on referral (account_id, affiliate_id, id);

-- One row for each (cause, source, tier); corrections are rows.
create table commission (
  account_id {int} not null,
  id {int} not null,
  affiliate_id {int} not null,
  referral_id {int} not null,
  invoice_id {int} not null,
  source_id {int} not null,
  tier {int} not null,
  cause text not null,
  amount {int} not null,
  base {int} not null,
  currency text not null,
  due_at {int} not null,
  payout_id {int} not null,
  note text not null,
  at {int} not null,
  constraint commission_pk primary key (account_id, id),
  constraint commission_amount_ck check (amount <> 0),
  constraint commission_tier_ck check (tier in (1, 2))
){strict};
create unique index commission_source_ux on commission (account_id, source_id, tier, cause);
create index commission_invoice_ix on commission (account_id, invoice_id, id);
create index commission_referral_ix on commission (account_id, referral_id, id);
create index commission_affiliate_ix on commission (account_id, affiliate_id, id);
create index commission_owed_ix on commission (account_id, currency, due_at, id) where payout_id = 0;
create index commission_payout_ix on commission (account_id, payout_id, id) where payout_id <> 0;

-- What is paid to one affiliate in one run, in one currency.
create table payout (
  account_id {int} not null,
  id {int} not null,
  run {int} not null,
  affiliate_id {int} not null,
  amount {int} not null,
  currency text not null,
  paypal text not null,
  state text not null,
  reference text not null,
  created_at {int} not null,
  paid_at {int},
  version {int} not null,
  constraint payout_pk primary key (account_id, id),
  constraint payout_amount_ck check (amount > 0),
  constraint payout_state_ck check (state in ('ready', 'paid', 'undone'))
){strict};
create index payout_run_ix on payout (account_id, run, id);
create index payout_affiliate_ix on payout (account_id, affiliate_id, id);

-- What affiliates promote with.
create table affiliate_material (
  account_id {int} not null,
  id {int} not null,
  campaign_id {int} not null,
  kind text not null,
  title text not null,
  body text not null,
  created_at {int} not null,
  archived {bool} not null,
  constraint affiliate_material_pk primary key (account_id, id)
){strict};
create index affiliate_material_campaign_ix on affiliate_material (account_id, campaign_id, id);

alter table coupon add column affiliate_id {int} not null default 0;
