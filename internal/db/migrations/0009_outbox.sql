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
update event set sequence = n.sequence from (
  select account_id, id, row_number() over (partition by account_id, subject_id order by id) as sequence from event
) n where event.account_id = n.account_id and event.id = n.id;
insert into event_sequence (account_id, subject_id, last) select account_id, subject_id, count(*) from event group by account_id, subject_id;
