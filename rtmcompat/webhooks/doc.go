// Package webhooks tells the programs of an operator, by HTTP, what happens to the users
// of RTM apps.
//
// Requests are those of https://www.standardwebhooks.com, for which there are libraries:
// a POST with the headers webhook-id, webhook-timestamp (Unix seconds of this attempt)
// and webhook-signature, "v1," and the base64 of HMAC-SHA256 over ID, timestamp and body
// with dots between. See [Hook.Secret] for the key, and event for the body.
//
// What is promised of a webhook:
//
//   - Events come in the order in which they were recorded, the next one once the one
//     before was answered with a status 200 to 299. They carry consecutive numbers.
//   - An event comes at least once, twice if the server could not note in time that it had
//     been taken. Its ID is the same each time.
//   - A webhook that fails is tried again after a second, then after longer and longer
//     times up to ten minutes, and holds up nobody else. Redirects are not followed.
//   - An event that was not taken for a day, or was answered with 410, is given up: it
//     becomes a dead letter, and the next one is sent.
package webhooks
