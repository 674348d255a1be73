-- +migrate Up

-- Sweep goes through the requests in the order of their keys.
DROP INDEX client_requests_at;
