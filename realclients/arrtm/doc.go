// Package arrtm tests the server with ar-rtm-sdk, the vendor's own client for RTM 1.x, in
// Node and in a browser. It is used as it was published. The .js files of this folder do
// with it what the tests order; what they need is installed by npm ci.
package arrtm
