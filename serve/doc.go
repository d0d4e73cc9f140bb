// SPDX-License-Identifier: Apache-2.0

// Package serve answers HTTP requests with the features of images, by a trained encoder.
//
// [Run] is the whole service, as the command parallax serve runs it:
//
//	err := serve.Run(ctx, serve.Options{Run: "runs/simclr-1"})
//
// [New] gives a program of your own the handler alone:
//
//	s, err := serve.New(serve.Options{Run: "runs/simclr-1"})
//	...
//	defer s.Close()
//	http.Handle("/", s)
//
// The service describes itself: GET /openapi.json is its interface, GET /docs/ a page that shows it.
//
// # The life of a request
//
// A request is refused as early as can be: by its connection (too many), its Host and token, the length of its body,
// a full queue. Its body is then read into items, one an image; each byte of it counts against the memory of the
// service while the request lasts. The items get their places in the queue, all or none. A few workers decode and
// prepare them; the encoder merges those that wait into batches (encoder.Wait). Each item has a status of its own, so
// an image that cannot be read costs nothing but its own row.
//
// # When it stops
//
// Once the context of [Run] ends, new connections are refused and new requests get 503. Requests whose header had been
// read are answered, for as long as Options.Grace allows.
package serve
