// SPDX-License-Identifier: Apache-2.0

// Package dashboard shows runs, clusterings and laboratories in a browser, also while they go on. It needs no network,
// and no libtorch: what only an encoder can tell comes through an [Engine].
//
// A [Server] reads the folders that it was given and nothing above them, and writes notes beside runs and clusterings.
// On the loopback anyone on the machine may look; on another address, and for every change, a token is needed. Pages
// ask only their own origin.
package dashboard
