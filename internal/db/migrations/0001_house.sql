-- +goose Up
-- The whole house as it was first laid. Rules that every later migration keeps:
-- account_id leads every key of a merchant's table; every constraint has a name;
-- no triggers, sequences, deferrable constraints or database-made times.
-- Words in braces are spelt per engine (see dialect.go).

create table account (
  id {int} not null,
  name text not null,
  mode text not null,
  currency text not null,
  zone text not null,
  email text not null,
  legal_name text not null,
  address text not null,
  country text not null,
  tax_id text not null,
  tax_name text not null,
  tax_rate text not null,
  profile {int} not null,
  clock_offset {int} not null,
  clock_target {int},
  created_at {int} not null,
  version {int} not null,
  constraint account_pk primary key (id),
  constraint account_mode_ck check (mode in ('live', 'sandbox')),
  constraint account_clock_ck check (mode = 'sandbox' or (clock_offset = 0 and clock_target is null))
){strict};

-- What an account's printed facts were before they were edited: documents are frozen copies.
create table account_past (
  account_id {int} not null,
  profile {int} not null,
  facts text not null,
  constraint account_past_pk primary key (account_id, profile),
  constraint account_past_account_fk foreign key (account_id) references account (id)
){strict};

create table invoice_series (
  account_id {int} not null,
  series text not null,
  next {int} not null,
  constraint invoice_series_pk primary key (account_id, series),
  constraint invoice_series_account_fk foreign key (account_id) references account (id)
){rowless};

-- Directories: what must be unique over all merchants, keyed by what is looked up.
create table api_key (
  hash text not null,
  id {int} not null,
  account_id {int} not null,
  name text not null,
  hint text not null,
  created_at {int} not null,
  revoked_at {int},
  constraint api_key_pk primary key (hash)
){strict};
create index api_key_account_ix on api_key (account_id, id);

create table login (
  email text not null,
  member_id {int} not null,
  name text not null,
  password text not null,
  created_at {int} not null,
  version {int} not null,
  constraint login_pk primary key (email)
){strict};
create index login_member_ix on login (member_id);

create table membership (
  member_id {int} not null,
  account_id {int} not null,
  email text not null,
  name text not null,
  role text not null,
  created_at {int} not null,
  constraint membership_pk primary key (member_id, account_id)
){strict};
create index membership_account_ix on membership (account_id, member_id);

create table session (
  hash text not null,
  member_id {int} not null,
  created_at {int} not null,
  seen_at {int} not null,
  constraint session_pk primary key (hash)
){strict};
create index session_member_ix on session (member_id);

create table owner_link (
  hash text not null,
  created_at {int} not null,
  used_at {int},
  constraint owner_link_pk primary key (hash)
){strict};

create table checkout_link (
  slug text not null,
  account_id {int} not null,
  product_id {int} not null,
  created_at {int} not null,
  constraint checkout_link_pk primary key (slug)
){strict};
create index checkout_link_product_ix on checkout_link (account_id, product_id);

create table campaign (
  account_id {int} not null,
  id {int} not null,
  name text not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint campaign_pk primary key (account_id, id),
  constraint campaign_account_fk foreign key (account_id) references account (id)
){strict};

create table product (
  account_id {int} not null,
  id {int} not null,
  campaign_id {int} not null,
  name text not null,
  description text not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint product_pk primary key (account_id, id),
  constraint product_campaign_fk foreign key (account_id, campaign_id) references campaign (account_id, id)
){strict};
create index product_campaign_ix on product (account_id, campaign_id, id);

create table price (
  account_id {int} not null,
  id {int} not null,
  product_id {int} not null,
  name text not null,
  amount {int} not null,
  currency text not null,
  interval_unit text not null,
  interval_count {int} not null,
  trial_days {int} not null,
  setup_fee {int} not null,
  max_quantity {int} not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint price_pk primary key (account_id, id),
  constraint price_product_fk foreign key (account_id, product_id) references product (account_id, id),
  constraint price_amount_ck check (amount >= 0 and setup_fee >= 0)
){strict};
create index price_product_ix on price (account_id, product_id, id);

create table customer (
  account_id {int} not null,
  id {int} not null,
  email text not null,
  name text not null,
  company text not null,
  address text not null,
  country text not null,
  tax_id text not null,
  language text not null,
  metadata text not null,
  created_at {int} not null,
  version {int} not null,
  constraint customer_pk primary key (account_id, id),
  constraint customer_account_fk foreign key (account_id) references account (id)
){strict};
create unique index customer_email_ux on customer (account_id, email) where email <> '';

create table customer_past (
  account_id {int} not null,
  customer_id {int} not null,
  version {int} not null,
  facts text not null,
  constraint customer_past_pk primary key (account_id, customer_id, version),
  constraint customer_past_customer_fk foreign key (account_id, customer_id) references customer (account_id, id)
){strict};

create table payment_method (
  account_id {int} not null,
  id {int} not null,
  customer_id {int} not null,
  gateway text not null,
  token text not null,
  kind text not null,
  brand text not null,
  last_four text not null,
  expires {int} not null,
  state text not null,
  created_at {int} not null,
  version {int} not null,
  constraint payment_method_pk primary key (account_id, id),
  constraint payment_method_customer_fk foreign key (account_id, customer_id) references customer (account_id, id)
){strict};
create index payment_method_customer_ix on payment_method (account_id, customer_id, id);

create table subscription (
  account_id {int} not null,
  id {int} not null,
  customer_id {int} not null,
  product_id {int} not null,
  price_id {int} not null,
  method_id {int},
  state text not null,
  currency text not null,
  unit_amount {int} not null,
  quantity {int} not null,
  interval_unit text not null,
  interval_count {int} not null,
  zone text not null,
  anchor_at {int} not null,
  period {int} not null,
  period_from {int} not null,
  period_to {int} not null,
  trial_to {int},
  cancel_at {int},
  ended_at {int},
  end_reason text not null,
  invoice_id {int},
  failures {int} not null,
  next_action_at {int},
  lease_until {int} not null,
  created_at {int} not null,
  version {int} not null,
  constraint subscription_pk primary key (account_id, id),
  constraint subscription_customer_fk foreign key (account_id, customer_id) references customer (account_id, id),
  constraint subscription_price_fk foreign key (account_id, price_id) references price (account_id, id),
  constraint subscription_quantity_ck check (quantity > 0)
){strict};
create index subscription_due_ix on subscription (account_id, next_action_at, id) where next_action_at is not null;
create index subscription_customer_ix on subscription (account_id, customer_id, id);
create index subscription_state_ix on subscription (account_id, state, id);
create index subscription_price_ix on subscription (account_id, price_id);

create table orders (
  account_id {int} not null,
  id {int} not null,
  customer_id {int} not null,
  price_id {int} not null,
  quantity {int} not null,
  method_id {int},
  invoice_id {int},
  subscription_id {int},
  state text not null,
  source text not null,
  secret text not null,
  created_at {int} not null,
  version {int} not null,
  constraint orders_pk primary key (account_id, id)
){strict};
create index orders_customer_ix on orders (account_id, customer_id, id);

-- One invoice a (subscription, period, reason), whatever crashes: invoice_period_ux.
create table invoice (
  account_id {int} not null,
  id {int} not null,
  customer_id {int} not null,
  subscription_id {int},
  order_id {int},
  series text not null,
  number {int},
  state text not null,
  reason text not null,
  period {int} not null,
  period_from {int},
  period_to {int},
  currency text not null,
  net {int} not null,
  tax {int} not null,
  total {int} not null,
  refunded {int} not null,
  seller_profile {int} not null,
  buyer_version {int} not null,
  issued_at {int},
  paid_at {int},
  voided_at {int},
  created_at {int} not null,
  version {int} not null,
  constraint invoice_pk primary key (account_id, id),
  constraint invoice_total_ck check (net + tax = total),
  constraint invoice_refunded_ck check (refunded >= 0 and refunded <= total)
){strict};
create unique index invoice_period_ux on invoice (account_id, subscription_id, period, reason) where subscription_id is not null;
create unique index invoice_number_ux on invoice (account_id, series, number) where number is not null;
create index invoice_customer_ix on invoice (account_id, customer_id, id);
create index invoice_unpaid_ix on invoice (account_id, state, id) where state <> 'paid';

create table invoice_line (
  account_id {int} not null,
  invoice_id {int} not null,
  position {int} not null,
  kind text not null,
  description text not null,
  price_id {int},
  quantity {int} not null,
  unit_amount {int} not null,
  amount {int} not null,
  tax_rate text not null,
  tax {int} not null,
  period_from {int},
  period_to {int},
  constraint invoice_line_pk primary key (account_id, invoice_id, position)
){rowless};

-- One payment that is under way or went through for each invoice: payment_live_ux.
create table payment (
  account_id {int} not null,
  id {int} not null,
  invoice_id {int} not null,
  customer_id {int} not null,
  method_id {int} not null,
  gateway text not null,
  attempt {int} not null,
  state text not null,
  amount {int} not null,
  currency text not null,
  refunded {int} not null,
  gateway_ref text not null,
  decline_code text not null,
  decline_class text not null,
  ask_at {int},
  created_at {int} not null,
  settled_at {int},
  version {int} not null,
  constraint payment_pk primary key (account_id, id),
  constraint payment_amount_ck check (amount > 0),
  constraint payment_refunded_ck check (refunded >= 0 and refunded <= amount)
){strict};
create unique index payment_live_ux on payment (account_id, invoice_id) where state in ('pending', 'succeeded');
create index payment_invoice_ix on payment (account_id, invoice_id, id) where state = 'declined';
create index payment_ask_ix on payment (account_id, ask_at, id) where ask_at is not null;

create table refund (
  account_id {int} not null,
  id {int} not null,
  payment_id {int} not null,
  invoice_id {int} not null,
  amount {int} not null,
  currency text not null,
  state text not null,
  reason text not null,
  gateway_ref text not null,
  failure text not null,
  ask_at {int},
  created_at {int} not null,
  settled_at {int},
  version {int} not null,
  constraint refund_pk primary key (account_id, id),
  constraint refund_amount_ck check (amount > 0)
){strict};
create index refund_payment_ix on refund (account_id, payment_id, id);
create index refund_ask_ix on refund (account_id, ask_at, id) where ask_at is not null;

-- Each entry names the book it debits and the book it credits, so an entry that does not balance cannot be written.
create table ledger_entry (
  account_id {int} not null,
  invoice_id {int} not null,
  id {int} not null,
  at {int} not null,
  debit text not null,
  credit text not null,
  amount {int} not null,
  currency text not null,
  reason text not null,
  source_id {int} not null,
  constraint ledger_entry_pk primary key (account_id, invoice_id, id),
  constraint ledger_entry_amount_ck check (amount > 0 and debit <> credit)
){rowless};

create table event (
  account_id {int} not null,
  id {int} not null,
  at {int} not null,
  kind text not null,
  subject_id {int} not null,
  customer_id {int},
  actor_kind text not null,
  actor text not null,
  data text not null,
  constraint event_pk primary key (account_id, id)
){strict};
create index event_customer_ix on event (account_id, customer_id, id) where customer_id is not null;

create table endpoint (
  account_id {int} not null,
  id {int} not null,
  kind text not null,
  address text not null,
  secret text not null,
  old_secret text not null,
  old_secret_until {int},
  events text not null,
  state text not null,
  failing_since {int},
  failure text not null,
  created_at {int} not null,
  version {int} not null,
  constraint endpoint_pk primary key (account_id, id),
  constraint endpoint_account_fk foreign key (account_id) references account (id)
){strict};

-- What is owed to the outside: one row an (endpoint, event), outbox_event_ux. A claim
-- moves next_at past its lease, so that a row is due again when nobody settled it.
create table outbox (
  account_id {int} not null,
  id {int} not null,
  endpoint_id {int} not null,
  event_id {int} not null,
  state text not null,
  attempts {int} not null,
  next_at {int} not null,
  tried_at {int},
  body text,
  answer {int} not null,
  failure text not null,
  created_at {int} not null,
  settled_at {int},
  version {int} not null,
  constraint outbox_pk primary key (account_id, id)
){strict};
create index outbox_due_ix on outbox (account_id, endpoint_id, next_at, id) where state = 'waiting';
create unique index outbox_event_ux on outbox (account_id, endpoint_id, event_id);

create table alias (
  account_id {int} not null,
  dialect text not null,
  kind text not null,
  theirs text not null,
  ours {int} not null,
  constraint alias_pk primary key (account_id, dialect, kind, theirs)
){strict};
create unique index alias_ours_ux on alias (account_id, dialect, kind, ours);

create table idempotency (
  account_id {int} not null,
  key text not null,
  route text not null,
  request text not null,
  state text not null,
  status {int} not null,
  answer text not null,
  subject_id {int} not null,
  lease_until {int} not null,
  created_at {int} not null,
  constraint idempotency_pk primary key (account_id, key, route)
){strict};
create index idempotency_age_ix on idempotency (account_id, created_at);

-- The sandbox gateway's own books: it plays an outside company, so nothing of ours refers to them.
create table sandbox_card (
  account_id {int} not null,
  token text not null,
  behaviour text not null,
  charges {int} not null,
  created_at {int} not null,
  constraint sandbox_card_pk primary key (account_id, token)
){rowless};

create table sandbox_charge (
  account_id {int} not null,
  key text not null,
  token text not null,
  amount {int} not null,
  currency text not null,
  outcome text not null,
  code text not null,
  refunded {int} not null,
  created_at {int} not null,
  constraint sandbox_charge_pk primary key (account_id, key),
  constraint sandbox_charge_refunded_ck check (refunded >= 0 and refunded <= amount)
){rowless};

create table sandbox_refund (
  account_id {int} not null,
  key text not null,
  charge_key text not null,
  amount {int} not null,
  currency text not null,
  outcome text not null,
  code text not null,
  created_at {int} not null,
  constraint sandbox_refund_pk primary key (account_id, key)
){rowless};
