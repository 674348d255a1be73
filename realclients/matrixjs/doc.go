// Package matrixjs tests the server with matrix-js-sdk and its Rust crypto, in Node and
// in a browser. The clients are the .js files of this folder; what they need is
// installed by npm ci.
package matrixjs
