-- +goose Up
-- How many events a thing has had: the sequence number of its last one. A row is moved
-- on in the statement that reads it, so no two events of a thing share a number.
create table event_sequence (
  account_id {int} not null,
  subject_id {int} not null,
  last {int} not null,
  constraint event_sequence_pk primary key (account_id, subject_id)
){rowless};

alter table event add column sequence {int} not null default 0;
alter table event add column inward {bool} not null default {false};
update event set sequence = n.sequence from (
  select account_id, id, row_number() over (partition by account_id, subject_id order by id) as sequence from event
) n where event.account_id = n.account_id and event.id = n.id;
insert into event_sequence (account_id, subject_id, last) select account_id, subject_id, count(*) from event group by account_id, subject_id;

-- Extra request headers (their values sealed), how many deliveries may be under way at
-- once, and how many tries failed since failing_since, which is counted up to three.
alter table endpoint add column headers text not null default '';
alter table endpoint add column in_flight {int} not null default 1;
alter table endpoint add column failures {int} not null default 0;

alter table outbox add column kind text not null default '';
alter table outbox add column tries {int} not null default 0;
update outbox set tries = attempts, kind = coalesce((select e.kind from event e where e.account_id = outbox.account_id and e.id = outbox.event_id), '');
create index outbox_dead_ix on outbox (account_id, endpoint_id, event_id) where state = 'dead';
create index outbox_body_ix on outbox (account_id, settled_at) where settled_at is not null and body is not null and endpoint_id <> account_id;

-- The last tries of a delivery: number n lies in slot n modulo 20, so that a later one
-- takes the place of the oldest.
create table delivery_try (
  account_id {int} not null,
  delivery_id {int} not null,
  slot {int} not null,
  number {int} not null,
  at {int} not null,
  took_ms {int} not null,
  status {int} not null,
  request text not null,
  answer text not null,
  failure text not null,
  constraint delivery_try_pk primary key (account_id, delivery_id, slot)
){rowless};

-- A replay of many, worked off a piece at a time: last_event is how far it has come.
create table replay (
  account_id {int} not null,
  id {int} not null,
  endpoint_id {int} not null,
  failed {bool} not null,
  since {int} not null,
  until {int},
  from_event {int} not null,
  to_event {int},
  last_event {int} not null,
  total {int} not null,
  seen {int} not null,
  owed {int} not null,
  state text not null,
  created_at {int} not null,
  ended_at {int},
  version {int} not null,
  constraint replay_pk primary key (account_id, id)
){strict};
create index replay_endpoint_ix on replay (account_id, endpoint_id, id);
create index replay_running_ix on replay (account_id, id) where state = 'running';
