-- +goose Up
-- A code is unique among the coupons that can be redeemed: that of an archived one may be
-- given to another. A coupon may be taken from the cost of shipping too.

drop index coupon_code_ux;
create unique index coupon_code_ux on coupon (account_id, code) where state = 'active';
create index coupon_code_ix on coupon (account_id, code, state);

alter table coupon add column include_shipping {bool} not null default {false};
