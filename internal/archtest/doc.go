// SPDX-License-Identifier: Apache-2.0

// Package archtest checks the module's architecture: which package may import which, where C is allowed, and what every
// file must have. It has only tests; docs/architecture.md gives the reasons.
package archtest
