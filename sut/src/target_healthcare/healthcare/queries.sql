-- name: find_member
SELECT
    member_id, status, first_name, last_name, date_of_birth,
    address_line1, address_city, address_state, address_zip, plan_id
FROM member
WHERE member_id = $1

-- name: find_plan
SELECT plan.plan_id, plan.name, plan.coverage_type, plan.effective_date
FROM plan
JOIN member USING (plan_id)
WHERE member.member_id = $1

-- name: list_eligibilities
SELECT eligibility_id, effective_from, effective_to, status
FROM eligibility
WHERE member_id = $1
ORDER BY effective_from, eligibility_id

-- name: list_claims
SELECT claim_id, member_id, provider_id, procedure_code, diagnosis_code, status, submitted_at, denial_reason, test_run_id
FROM claim
WHERE member_id = $1
ORDER BY submitted_at, claim_id

-- name: list_claims_for_people
SELECT
    claim.claim_id, claim.status, claim.submitted_at, claim.denial_reason,
    provider.name AS provider_name, provider.network_status,
    procedure_code.code AS procedure_code, procedure_code.description AS procedure_description,
    diagnosis_code.code AS diagnosis_code, diagnosis_code.description AS diagnosis_description
FROM claim
JOIN provider USING (provider_id)
JOIN procedure_code ON procedure_code.code = claim.procedure_code
JOIN diagnosis_code ON diagnosis_code.code = claim.diagnosis_code
WHERE claim.member_id = $1
ORDER BY claim.submitted_at, claim.claim_id
