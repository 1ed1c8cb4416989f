"""Unity Catalog as code: what the contracts say of access, compared with what is there, and made so."""
