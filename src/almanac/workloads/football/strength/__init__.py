"""How strong clubs are: ratings, Dixon-Coles, form, along a timeline."""
