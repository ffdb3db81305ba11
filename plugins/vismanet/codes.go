package vismanet

import (
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// knownCode gives some of the vendor's codes, by their number, a name and an explanation of ours. The rest keep the
// vendor's name: "vismanet.1810-LineAlreadyCompleted".
type knownCode struct {
	numbers string // with spaces in between
	code    string
	class   protocol.FailureClass
	message string
	field   string // when Visma does not name one
}

func knownCodes() []knownCode { return slices.Concat(orderCodes(), paymentCodes(), lineCodes()) }

// orderCodes are about the company, the customer and the order as a whole.
func orderCodes() []knownCode {
	return []knownCode{
		{
			"12002", "company_missing", classAuth,
			"Visma.net does not know for which company; tenant_id must be the Company tenant id", "tenant_id",
		},
		{
			"12027", "no_license", classAuth,
			"the company has no licence for the API, or tenant_id is not its Company tenant id", "tenant_id",
		},
		{
			"1400", "customer_not_found", classNotFound,
			"Visma.net can't find the customer", "customer.id",
		},
		{
			"1407", "customer_on_hold", classInvalid,
			"the customer's status forbids orders: it is on hold or inactive; set it to Active in Visma.net, " +
				"or book on another, then replay", "customer.id",
		},
		{
			"1401", "terms_missing", classInvalid,
			"neither the order nor the customer has credit terms; set them in one of the two", "customer.termsId",
		},
		{
			"1408", "currency_prohibited", classInvalid,
			"the customer's currency can't be overridden by the order's", "currencyId",
		},
		{
			"1600 1601 1602 1603", "period_unusable", classInvalid,
			"the financial period is missing, closed or inactive", "date",
		},
		{
			"1902", "salesperson_not_found", classNotFound,
			"Visma.net does not have the sales person", "salesPersonId",
		},
		{
			"1904 1908", "project_not_found", classNotFound,
			"Visma.net does not have the project or its task", "projectId",
		},
	}
}

func paymentCodes() []knownCode {
	return []knownCode{
		{
			"1402", "payment_method_not_found", classNotFound,
			"Visma.net does not have the payment method", "paymentSettings.paymentMethodId",
		},
		{
			"1403 1404", "payment_method_unusable", classInvalid,
			"the payment method is inactive or not for sales orders", "paymentSettings.paymentMethodId",
		},
		{
			"1405", "payment_reference_required", classInvalid,
			"the order type wants a payment reference", "paymentSettings.paymentReference",
		},
		{
			"1406", "payment_reference_prohibited", classInvalid,
			"the order type takes no payment reference", "paymentSettings.paymentReference",
		},
		{
			"1409", "payment_method_required", classInvalid,
			"the order type wants a payment method", "paymentSettings.paymentMethodId",
		},
		{
			"1502", "cash_account_not_found", classNotFound,
			"Visma.net does not have the cash account", "paymentSettings.cashAccountId",
		},
		{
			"1500 1501 1503 1504", "cash_account_unusable", classInvalid,
			"the cash account is missing, inactive or not for this payment method or branch", "paymentSettings.cashAccountId",
		},
	}
}

func lineCodes() []knownCode {
	return []knownCode{
		{
			"1803 1804", "item_not_found", classNotFound,
			"Visma.net does not have the item of a line, or it can't be sold", "orderLines",
		},
		{
			"1104 1821", "item_not_found", classNotFound,
			"Visma.net does not have the free item of a discount", "",
		},
		{
			"1802", "warehouse_not_found", classNotFound,
			"Visma.net does not have the warehouse", "orderLines",
		},
		{
			"1700 1701 1703 1704", "warehouse_location_unusable", classInvalid,
			"the warehouse location is unknown, inactive or not for sales", "orderLines",
		},
		{
			"1805", "tax_category_not_found", classNotFound,
			"Visma.net does not have the tax category of a line", "orderLines",
		},
		{
			"1806", "account_not_found", classNotFound,
			"Visma.net does not have the sales account of a line", "orderLines",
		},
		{
			"1808", "unit_not_found", classNotFound,
			"the item does not have the unit of measure of a line", "orderLines",
		},
		{
			"1100 1101 1102 1103 1105", "discount_unusable", classInvalid,
			"the discount is larger than the amount or can't be applied", "orderLines",
		},
	}
}

// byCode gives a failure the name and meaning of the vendor's code.
func byCode(f *sdk.Failure, t told) {
	if t.code == "" {
		return
	}
	number, _, _ := strings.Cut(t.code, "-")
	f.Code = "vismanet." + safeCode(t.code)
	for _, known := range knownCodes() {
		if !slices.Contains(strings.Fields(known.numbers), number) {
			continue
		}
		f.Code, f.Message, f.Class = "vismanet."+known.code, known.message, known.class
		if f.Field == "" {
			f.Field = known.field
		}
		break
	}
	if f.Code == "vismanet.item_not_found" && strings.Contains(strings.ToLower(t.words), "inactive") {
		f.Class, f.Code = classInvalid, "vismanet.item_inactive"
		f.Message = "the item of a line is inactive; activate it in Visma.net, or use another, then replay"
	}
}

// safeCode keeps a code a code, whatever a server sends.
func safeCode(code string) string {
	code = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, code)
	if code = code[:min(len(code), 80)]; code == "" {
		return "rejected"
	}
	return code
}
