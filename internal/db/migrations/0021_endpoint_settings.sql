-- +goose Up
-- What an endpoint that speaks a dialect is told of, and how often it is tried, as JSON; ''
-- for everything, as the dialect does.
alter table endpoint add column settings text not null default '';
