// SPDX-License-Identifier: Apache-2.0

// Package archtest holds the module to its architecture: which package may import which, where C is allowed, and what
// every file has. It has tests only; docs/architecture.md says the reasons.
package archtest
